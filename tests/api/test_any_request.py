"""Whatever stands in a request, its answer is a proper one: no header, parameter or body makes the service fail."""

import json
import random
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.stored import Stored
from tests.driver import Answer, Client
from tests.wire import exchange, problem

EXAMPLES = 40
any_request = settings(
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
# What a field value may have in it (RFC 9110, section 5.5), with bytes that are no UTF-8; HTTP lets no others pass.
FIELD = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
TEXT = st.text(max_size=60) | st.binary(max_size=40)
NUMBERS = st.integers() | st.sampled_from(["0", "-0", "1e3", "\xb3", "9" * 300])
TAGS_OF_VERSIONS = st.sampled_from(['"1"', 'W/"1"', "*", '"', '""', ",", '"1', "'1'", '"1","2"'])
HEADERS = {
    "Range": FIELD | st.builds("bytes={}-{}".format, NUMBERS, NUMBERS) | st.builds("bytes={}".format, FIELD),
    "If-Range": FIELD | TAGS_OF_VERSIONS,
    "If-None-Match": FIELD | TAGS_OF_VERSIONS,
    "If-Match": FIELD | TAGS_OF_VERSIONS,
    "Prefer": FIELD | st.builds("wait={}".format, st.sampled_from(["0", "00", "x", "-1", "0.1", '"0"', "0;x", " 0"])),
    "Idempotency-Key": FIELD,
    "X-Forwarded-Prefix": FIELD,
    "Content-Type": FIELD | st.builds("multipart/form-data; boundary={}".format, FIELD),
    "Content-Encoding": FIELD,
    "Accept": FIELD,
    "Cookie": FIELD,
}
NAMES = {
    "/v1/images": ("limit", "cursor", "status", "content_type", "tag", "from", "to", "order"),
    "content": ("variant", "redirect"),
}
EXPECTED = {200, 206, 302, 304, 400, 412, 415, 416}


def target(path: str, query: list[tuple[str, Any]]) -> str:
    """Path and query; texts and bytes are percent-encoded, also those that are no UTF-8."""
    pairs = (f"{name}={quote_from_bytes(_bytes(value))}" for name, value in query)
    return path + ("?" if query else "") + "&".join(pairs)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")


def asked(client: Client, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """A request as bytes, each character of a header one byte."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close"]
    named = {name.lower() for name, _ in headers}
    lines += [] if "x-user-id" in named else [f"X-User-Id: {client.user}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def proper(answer: Answer) -> Answer:
    """The answer, which must be one that the service gives on purpose."""
    assert answer.status in EXPECTED, answer
    if answer.status >= 400:
        problem(answer)
    return answer


def several(names: tuple[str, ...]) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Headers of these names with any values."""
    return st.lists(st.sampled_from(names).flatmap(lambda name: st.tuples(st.just(name), HEADERS[name])), max_size=4)


@any_request
@given(
    headers=several(("Range", "If-Range", "If-None-Match", "Accept", "Cookie")),
    pairs=st.just([]) | st.lists(st.tuples(st.sampled_from(NAMES["content"]), TEXT), max_size=1),
)
async def test_any_way_to_ask_for_the_bytes(
    owner: Client, photo: Stored, headers: list[tuple[str, str]], pairs: list[tuple[str, Any]]
) -> None:
    answer = proper(await exchange(owner, asked(owner, "GET", target(photo.content, pairs), headers)))
    if answer.status == 200:
        assert answer.body == photo.data
    elif answer.status == 206:
        first, _, rest = answer.headers["Content-Range"].removeprefix("bytes ").partition("-")
        last, _, size = rest.partition("/")
        assert answer.body == photo.data[int(first) : int(last) + 1]
        assert int(size) == len(photo.data)


@any_request
@given(
    query=st.lists(st.tuples(st.sampled_from(NAMES["/v1/images"]) | st.text(min_size=1, max_size=5), TEXT), max_size=3),
    headers=several(("X-Forwarded-Prefix", "Accept", "Cookie")),
)
async def test_any_list(owner: Client, query: list[tuple[str, Any]], headers: list[tuple[str, str]]) -> None:
    """Of a name that is no parameter `target` makes one, or nothing."""
    pairs = [(quote_from_bytes(_bytes(name)), value) for name, value in query]
    answer = proper(await exchange(owner, asked(owner, "GET", target("/v1/images", pairs), headers)))
    assert (answer.status == 200) or answer.code in ("invalid_parameter", "invalid_cursor")


@any_request
@given(headers=several(("Idempotency-Key", "Content-Type", "Content-Encoding", "Prefer")), query=TEXT, body=st.binary())
async def test_any_upload(owner: Client, headers: list[tuple[str, str]], query: Any, body: bytes) -> None:
    """Of bytes that are no image."""
    request = asked(owner, "POST", target("/v1/images", [("title", query)]), headers, body + b".")
    assert proper(await exchange(owner, request)).status == 400


@any_request
@given(path=st.text(max_size=40) | st.binary(max_size=40), tail=st.sampled_from(("", "/content", "/", "/x")))
async def test_any_id(owner: Client, path: Any, tail: str) -> None:
    answer = await exchange(
        owner, asked(owner, "GET", f"/v1/images/{quote_from_bytes(_bytes(path), safe='')}{tail}", [])
    )
    assert problem(answer) in ((400, "invalid_image_id"), (404, "not_found"))


@any_request
@given(user=FIELD)
async def test_any_user(owner: Client, user: str) -> None:
    """One that is none is told so; one that is has no images."""
    answer = await exchange(owner, asked(owner, "GET", "/v1/images", [("X-User-Id", user)]))
    if answer.status == 200:
        assert user.strip(" \t") == owner.user or answer.json["images"] == []
    else:
        assert problem(answer) == (401, "invalid_user_id")


# JSON

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=5), inner))
MEMBERS = st.sampled_from(("title", "tags", "content_type", "size", "filename", "x"))
ODD = st.sampled_from(
    (
        *(
            b"[" * 8000,
            b'{"tags":' * 2000,
            b'{"title": "\\ud800"}',
            b'{"title": "\xed\xa0\x80"}',
            b'{"size": ' + b"9" * 9000,
        ),
        *(
            b'{"title": NaN}',
            b'{"size": 1e999}',
            b'{"size": -0}',
            b'{"title": "a", "title": "b"}',
            b'{"\\u0000": 1}',
            b"\xef\xbb\xbf{}",
        ),
        *(
            '{"title": "ü"}'.encode("utf-16"),
            '{"title": "ü"}'.encode("utf-32-le"),
            b'{"title": "\xff"}',
            b"{}{}",
            b"\0",
            b"nul",
        ),
    )
)


@st.composite
def json_bodies(draw: st.DrawFn) -> bytes:
    """Objects with the members that there are, of any value; members that come twice; and what is no JSON at all."""
    if draw(st.integers(0, 3)) == 0:
        return draw(ODD | st.binary(min_size=1, max_size=60))
    pairs = draw(st.lists(st.tuples(MEMBERS, VALUES), max_size=4))
    return ("{" + ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in pairs) + "}").encode()


@any_request
@given(body=json_bodies(), headers=several(("If-Match",)))
async def test_any_edit(owner: Client, photo: Stored, body: bytes, headers: list[tuple[str, str]]) -> None:
    """It is made as a whole or not at all."""
    typed = [("Content-Type", "application/json"), *headers]
    answer = proper(await exchange(owner, asked(owner, "PATCH", photo.path, typed, body)))
    if answer.status == 200:
        assert (await owner.get(photo.path)).json == answer.json


@any_request
@given(body=json_bodies(), headers=several(("Idempotency-Key", "X-Forwarded-Prefix")))
async def test_any_wish_for_a_form(owner: Client, body: bytes, headers: list[tuple[str, str]]) -> None:
    headers = [one for one in headers if one[0] != "Idempotency-Key"] + [("Content-Type", "application/json")]
    answer = await exchange(owner, asked(owner, "POST", "/v1/uploads", headers, body))
    assert answer.status == 201 or problem(answer)[0] == 400
    if answer.status == 201:
        assert answer.headers["Location"].endswith(f"/v1/images/{answer.json['image_id']}")


# Bytes that are hardly HTTP


@pytest.mark.parametrize("seed", range(3))
async def test_a_damaged_request(owner: Client, seed: int) -> None:
    """Whatever bytes are changed, the next client is served."""
    dice = random.Random(seed)
    sound = asked(owner, "POST", "/v1/images?title=x", [("Content-Type", "image/png"), ("Prefer", "wait=0")], b"x" * 50)
    for _ in range(EXAMPLES):
        request = bytearray(sound)
        for _ in range(dice.randint(1, 5)):
            request[dice.randrange(len(request))] = dice.randrange(256)
        rest = await owner.raw(bytes(request), half_close=True)
        assert b" 500 " not in rest[:30], bytes(request)
    assert (await owner.get("/healthz")).status == 200
