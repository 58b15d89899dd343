"""`POST /v1/uploads`: what it answers, and what it refuses."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import aioboto3
import pytest

from service.images import is_image_id
from service.settings import Settings
from tests.bad_pictures import FOREIGN
from tests.bad_requests import BAD_EDITS, BAD_USERS, BAD_WORDS
from tests.conftest import settings_at
from tests.direct import FORMS, ask, form_for, post
from tests.driver import Client, client_of
from tests.outside import Outside, outside_of
from tests.pictures import MOST_BYTES, exactly
from tests.uploads import Refuses
from tests.wire import bare_head, exchange, problem

KEY = "holiday/2026#1"
PUBLIC = "https://photos.example.org:8443/s3"
GOOD = {"content_type": "image/jpeg"}


@pytest.fixture(scope="module")
async def outside(settings: Settings) -> AsyncIterator[Outside]:
    async with outside_of(settings) as look:
        yield look


@pytest.fixture
def refuses(outside: Outside) -> Refuses:
    return Refuses(outside)


async def test_the_answer(client: Client, settings: Settings) -> None:
    """An id, where to post to and with which fields, until when, and where the image will be."""
    before = datetime.now(UTC)
    answer = await ask(client, GOOD)
    given = answer.json
    fields = given.pop("fields")
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    assert given == {
        **{"image_id": given["image_id"], "method": "POST", "url": f"{settings.endpoint_s3}/{settings.bucket}"},
        **{"file_field": "file", "max_size": MOST_BYTES, "expires_at": given["expires_at"]},
        "links": {"self": f"/v1/images/{given['image_id']}"},
    }
    assert is_image_id(given["image_id"])
    assert answer.headers["Location"] == given["links"]["self"]
    life = (datetime.fromisoformat(given["expires_at"]) - before).total_seconds()
    assert settings.presign_seconds - 1 <= life <= settings.presign_seconds + 5
    assert (fields["key"], fields["Content-Type"]) == (f"direct/{client.user}/{given['image_id']}", "image/jpeg")
    assert "image/jpeg" in (await ask(client, {"content_type": "IMAGE/JPG; charset=x"})).json["fields"].values()


async def test_every_member_may_be_null(client: Client) -> None:
    """Which is the same as not given; and the largest file may be named to the byte."""
    nothing = dict.fromkeys(("size", "filename", "title", "tags"))
    given: list[dict[str, Any]] = [nothing, {"size": 1}, {"size": MOST_BYTES}, {"tags": []}]
    for members in given:
        answer = await ask(client, GOOD | members)
        assert (answer.status, answer.json["max_size"]) == (201, members.get("size") or MOST_BYTES)


async def test_the_address_that_clients_can_reach(client: Client, settings: Settings) -> None:
    """Is another one than the service's own where `AWS_PUBLIC_ENDPOINT_S3` says so."""
    async with client_of(replace(settings, public_endpoint_s3=PUBLIC), client.user) as other:
        assert (await form_for(other))["url"] == f"{PUBLIC}/{settings.bucket}"


def _member(name: str, *values: Any) -> list[dict[str, Any]]:
    return [GOOD | {name: value} for value in values]


_FOREIGN_TYPES = sorted({bad.content_type for bad in FOREIGN.values()})
_BODIES: dict[str, list[Any]] = {
    "invalid_body": [
        *(body for code, body in BAD_EDITS.values() if code == "invalid_body" and not body.startswith(b'{"tit')),
        *([], None, 5, "image/jpeg", GOOD | {"user_id": "mallory"}, GOOD | {"image_id": "x"}, GOOD | {"sha256": ""}),
        *(b'{"content_type": "image/jpeg"', b'{"content_type": "image/jpeg", "size": ' + b"9" * 5000 + b"}"),
        *(GOOD | {"title": "x" * 20_000}, b"\xff\xfe{\0}", json.dumps(GOOD).encode() + b"x"),
    ],
    "missing_content_type": [{}, {"content_type": None}, {"size": 5}],
    "invalid_content_type": _member("content_type", 5, True, ["image/jpeg"], {}),
    "unsupported_media_type": [
        {"content_type": value} for value in (*_FOREIGN_TYPES, "", "image/*", "image", "\ud800", "\0")
    ],
    "invalid_size": _member(
        "size", -1, True, False, 5.0, 1.5, -0.0, "5", [5], {}, float("nan"), float("inf"), -(10**30)
    ),
    "empty_body": _member("size", 0),
    "too_large": _member("size", MOST_BYTES + 1, 2**63, 10**300),
    "invalid_filename": _member("filename", 5, True, ["a"], {}, "\ud800.png", "\udfff" * 200),
    "invalid_title": _member("title", 5, False, ["a"], "a\ud800"),
    "invalid_tags": _member("tags", "a", 0, False, {}, [1], [None], ["a", ["b"]], ["\ud800"]),
}
_REFUSED: list[tuple[str, Any]] = [(code, body) for code, bodies in _BODIES.items() for body in bodies]
_WORDS = [
    (code, GOOD | words | ({"tags": words["tags"].split(",")} if "tags" in words else {}))
    for code, words in BAD_WORDS.values()
]


@pytest.mark.parametrize(("code", "body"), [*_REFUSED, *_WORDS], ids=lambda value: repr(value)[:50])
async def test_a_body_is_refused(code: str, body: Any, client: Client, refuses: Refuses) -> None:
    """Whatever is wrong with it; and the form that it would have got does not exist."""
    await refuses(ask(client, body, Idempotency_Key=KEY), code)


async def test_other_things_are_refused(client: Client, refuses: Refuses) -> None:
    """Parameters, keys and types of the body."""
    with_parameter = client.upload(json.dumps(GOOD).encode(), "application/json", f"{FORMS}?title=x")
    await refuses(with_parameter, "invalid_parameter")
    for key in ("", "k" * 256, "a b"):
        await refuses(ask(client, GOOD, Idempotency_Key=key), "invalid_idempotency_key")
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "image/jpeg", "application/jsonx"):
        await refuses(ask(client, GOOD, content_type), "invalid_body")
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = await client.ask(method, FORMS)
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("name", BAD_USERS)
async def test_nobody_gets_401(name: str, client: Client, refuses: Refuses) -> None:
    """Nor does who is not one."""
    code, headers = BAD_USERS[name]
    body = json.dumps(GOOD).encode()
    more = "Content-Type: application/json", f"Content-Length: {len(body)}"
    await refuses(exchange(client, bare_head(*headers, *more, target=FORMS), body), code, 401)


async def test_without_credentials(client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to sign a form with: 503, as with every call that needs AWS."""
    nobody = settings_at(str(settings.endpoint_s3), region="eu-central-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("service.storage.aws._session", aioboto3.Session)
    async with client_of(nobody, client.user) as other:
        answer = await ask(other, GOOD)
    assert problem(answer) == (503, "credentials_missing")


async def test_the_emulator_of_all_tests_holds_to_the_size(client: Client) -> None:
    """The one without signatures too: the other tests would not notice else."""
    assert await post(client, await form_for(client, "image/png"), exactly(MOST_BYTES).data + b"\0") == "EntityTooLarge"
