"""`PATCH /v1/images/{id}`: title and tags, and the versions that keep edits from getting lost."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from multidict import CIMultiDict

from service.images import Status
from service.settings import Settings
from service.storage import Storage
from tests.api.records import FIELDS, now_id, record, settle
from tests.driver import Answer, Client, client_of
from tests.pictures import TINY

BEFORE: dict[str, Any] = {"title": "old", "tags": ["a", "b"]}


@pytest.fixture
async def path(client: Client, storage: Storage) -> str:
    """A ready image with a title and two tags."""
    (image_id,) = await settle(storage, record(client.user, title="old", tags=("a", "b")))
    return f"/v1/images/{image_id}"


async def patch(client: Client, path: str, change: Any, **headers: str) -> Answer:
    """PATCH with JSON; header names with underscores for hyphens."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return await client.ask("PATCH", path, json=change, headers=named)


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"title": "new"}, {"title": "new"}),
        ({"tags": ["x", "y", "z"]}, {"tags": ["x", "y", "z"]}),
        ({"title": "new", "tags": ["x"]}, {"title": "new", "tags": ["x"]}),
        ({"title": None}, {"title": None}),
        ({"tags": None}, {"tags": []}),
        ({"title": None, "tags": None}, {"title": None, "tags": []}),
        ({"title": ""}, {"title": None}),
        ({"tags": []}, {"tags": []}),
        ({"tags": ["x", " y ", "x", ""]}, {"tags": ["x", "y"]}),
        ({"title": "  Ünï ☃ <b>&amp;'\" "}, {"title": "Ünï ☃ <b>&amp;'\""}),
        ({"title": "x" * 200, "tags": ["y" * 31 + str(n) for n in range(10)]}, {}),
        ({}, {}),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
async def test_what_a_patch_changes(client: Client, path: str, change: dict[str, Any], after: dict[str, Any]) -> None:
    """What it names and nothing else; null removes (RFC 7396). The answer is the record as it is from then on."""
    before = (await client.get(path)).json
    answer = await patch(client, path, change)
    edited = answer.json
    assert answer.status == 200
    assert edited == (await client.get(path)).json
    assert answer.headers["ETag"] == (await client.get(path)).headers["ETag"] == f'"{edited["version"]}"'
    expected = {**BEFORE, **(after or change)}
    assert {name: edited[name] for name in BEFORE} == expected
    untouched = FIELDS - {"title", "tags", "updated_at", "version"}
    assert {name: edited[name] for name in untouched} == {name: before[name] for name in untouched}
    assert edited["updated_at"] >= before["updated_at"]
    assert edited["version"] == 2 or not change


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/merge-patch+json"])
async def test_bodies_in_pieces(client: Client, path: str, content_type: str) -> None:
    """Of unknown length, and as both media types that it may have."""

    async def body() -> AsyncIterator[bytes]:
        for byte in b'{"title": "in pieces"}':
            yield bytes([byte])
            await asyncio.sleep(0)

    answer = await client.ask("PATCH", path, data=body(), headers={"Content-Type": content_type})
    assert (answer.status, answer.json["title"]) == (200, "in pieces")


@pytest.mark.parametrize(
    ("match", "status"),
    [
        ('"1"', 200),
        ("*", 200),
        ('"7", "1"', 200),
        ('"1","7"', 200),
        ('"2"', 412),
        ('"7", "8"', 412),
        ('W/"1"', 412),  # the comparison is strong: RFC 9110, section 13.1.1
        ("1", 412),
        ('"11"', 412),
    ],
)
async def test_if_match(client: Client, path: str, match: str, status: int) -> None:
    """Only the version that it names is changed."""
    answer = await patch(client, path, {"title": "new"}, If_Match=match)
    assert answer.status == status, answer.body
    if status == 412:
        assert answer.code == "version_mismatch"
    after = (await client.get(path)).json
    assert (after["title"], after["version"]) == (("new", 2) if status == 200 else ("old", 1))


async def test_if_match_on_two_lines(client: Client, path: str) -> None:
    """Two header lines are one list: RFC 9110, section 5.3."""
    headers = CIMultiDict([("X-User-Id", client.user), ("If-Match", '"7"'), ("If-Match", '"1"')])
    async with client.session.patch(client.url + path, json={"title": "new"}, headers=headers) as answer:
        assert answer.status == 200


async def test_of_edits_of_one_version_the_first_wins(client: Client, path: str) -> None:
    """The others hear that theirs would have undone it."""
    answers = await asyncio.gather(*(patch(client, path, {"title": f"{n}"}, If_Match='"1"') for n in range(8)))
    (winner,) = [answer for answer in answers if answer.status == 200]
    assert [answer.code for answer in answers if answer is not winner] == ["version_mismatch"] * 7
    assert (await client.get(path)).json == winner.json


async def test_edits_at_once_without_if_match_all_count(client: Client, path: str) -> None:
    """Each becomes a version of its own, made from the one before: no edit of the title undoes one of the tags."""
    changes = [{"title": f"title {n}"} if n % 2 else {"tags": [f"tag {n}"]} for n in range(12)]
    answers = await asyncio.gather(*(patch(client, path, change) for change in changes))
    assert [answer.status for answer in answers] == [200] * 12
    state = BEFORE
    made = sorted(zip(answers, changes, strict=True), key=lambda pair: pair[0].json["version"])
    assert [answer.json["version"] for answer, _ in made] == list(range(2, 14))
    for answer, change in made:
        state = {**state, **change}
        assert {name: answer.json[name] for name in state} == state
    assert (await client.get(path)).json == made[-1][0].json


async def test_only_a_ready_image_can_be_edited(client: Client, storage: Storage) -> None:
    """409 while it is queued, and when it never became one; 404 when there is none, whatever `If-Match` says."""
    queued = (await client.upload(TINY["image/png"].data, "image/png")).headers["Location"]
    rejected, failed = await settle(
        storage, *(record(client.user, status=status) for status in (Status.REJECTED, Status.FAILED))
    )
    for one in (queued, f"/v1/images/{rejected}", f"/v1/images/{failed}"):
        before = (await client.get(one)).json
        answer = await patch(client, one, {"title": "new"})
        assert (answer.status, answer.code) == (409, "image_not_ready")
        assert (await client.get(one)).json == before
    for headers in ({}, {"If_Match": "*"}, {"If_Match": '"1"'}):
        answer = await patch(client, f"/v1/images/{now_id()}", {"title": "new"}, **headers)
        assert (answer.status, answer.code) == (404, "image_not_found")


JSON = "application/json"
BAD_BODIES: list[tuple[str, str, bytes, str]] = [
    ("text", "text/plain", b'{"title": "x"}', "invalid_body"),
    ("form", "application/x-www-form-urlencoded", b"title=x", "invalid_body"),
    ("empty", JSON, b"", "invalid_body"),
    ("cut", JSON, b'{"title": "x"', "invalid_body"),
    ("two", JSON, b'{"title": "x"} {}', "invalid_body"),
    ("list", JSON, b'["title"]', "invalid_body"),
    ("null", JSON, b"null", "invalid_body"),
    ("not_utf8", JSON, b'{"title": "\xff"}', "invalid_body"),
    ("deep", JSON, b"[" * 16_000, "invalid_body"),
    ("deep_title", JSON, b'{"title": ' + b'{"a":' * 3000, "invalid_body"),
    ("long", JSON, b'{"title": "x"}' + b" " * 16 * 1024, "invalid_body"),
    ("misspelt", JSON, b'{"titel": "x"}', "invalid_body"),
    ("not_editable", JSON, b'{"title": "x", "status": "ready"}', "invalid_body"),
    ("title_number", JSON, b'{"title": 5}', "invalid_title"),
    ("title_nan", JSON, b'{"title": NaN}', "invalid_"),
    ("title_list", JSON, b'{"title": ["x"]}', "invalid_title"),
    ("title_long", JSON, json.dumps({"title": "x" * 201}).encode(), "invalid_title"),
    ("title_nul", JSON, b'{"title": "a\\u0000b"}', "invalid_title"),
    ("title_surrogate", JSON, b'{"title": "\\ud800"}', "invalid_title"),
    ("tags_text", JSON, b'{"tags": "sea"}', "invalid_tags"),
    ("tags_empty_text", JSON, b'{"tags": ""}', "invalid_tags"),
    ("tags_zero", JSON, b'{"tags": 0}', "invalid_tags"),
    ("tags_false", JSON, b'{"tags": false}', "invalid_tags"),
    ("tags_object", JSON, b'{"tags": {}}', "invalid_tags"),
    ("tags_of_numbers", JSON, b'{"tags": ["a", 1]}', "invalid_tags"),
    ("tags_of_null", JSON, b'{"tags": [null]}', "invalid_tags"),
    ("tag_long", JSON, json.dumps({"tags": ["x" * 33]}).encode(), "invalid_tags"),
    ("tag_control", JSON, b'{"tags": ["a\\nb"]}', "invalid_tags"),
    ("too_many_tags", JSON, json.dumps({"tags": [str(n) for n in range(11)]}).encode(), "invalid_tags"),
    ("title_good_tags_bad", JSON, b'{"title": "x", "tags": 5}', "invalid_tags"),
]


@pytest.mark.parametrize(("content_type", "body", "code"), [b[1:] for b in BAD_BODIES], ids=[b[0] for b in BAD_BODIES])
async def test_bad_bodies(client: Client, path: str, content_type: str, body: bytes, code: str) -> None:
    """400, and nothing of them is done."""
    before = (await client.get(path)).json
    answer = await client.ask("PATCH", path, data=body, headers={"Content-Type": content_type})
    assert answer.status == 400, answer.body
    assert answer.code.startswith(code)
    assert (await client.get(path)).json == before


async def test_a_compressed_body(client: Client, path: str) -> None:
    """Bodies are taken as they are."""
    body = gzip.compress(b'{"title": "x"}')
    answer = await client.ask("PATCH", path, data=body, headers={"Content-Type": JSON, "Content-Encoding": "gzip"})
    assert answer.status == 400
    assert (await client.get(path)).json["version"] == 1


@pytest.mark.parametrize(
    ("rest", "half_close"),
    [(b"Content-Length: 100\r\n\r\n{", True), (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}", False)],
    ids=["shorter than declared", "broken framing"],
)
async def test_bodies_that_are_not_whole(client: Client, path: str, rest: bytes, half_close: bool) -> None:
    """A 400 that the client gets to read, not a 500."""
    head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nX-User-Id: {client.user}\r\nContent-Type: {JSON}\r\n"
    answer = await client.raw(head.encode() + rest, half_close=half_close)
    assert answer.partition(b"\r\n")[0].endswith(b" 400 Bad Request"), answer


async def test_a_body_that_stalls(settings: Settings, path: str, client: Client) -> None:
    """It cannot hold a connection for ever."""
    impatience = replace(settings, body_idle_seconds=0.1, linger_seconds=0.1)
    async with client_of(impatience, client.user) as impatient:
        head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nX-User-Id: {client.user}\r\nContent-Type: {JSON}\r\n"
        answer = await impatient.raw(
            f"{head}Content-Length: 100\r\nConnection: close\r\n\r\n{{".encode(), half_close=False
        )
        assert b"body_timeout" in answer
