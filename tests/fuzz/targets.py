"""What is fuzzed: each target takes any bytes and raises when a promise about them does not hold.

The fuzzer (`tests.fuzz.harness`) makes up the bytes; `tests/fuzz/test_corpus.py` replays those that were worth keeping.
"""

import json
import re
import zlib
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any

from service.errors import InvalidRequest, Refused, ServiceError
from service.gateway.requests import TOKEN, NotHttp, read
from service.gateway.responses import Response, write
from service.http.parameters import read_cursor, read_filters, read_limit, write_cursor
from service.images import Receipt, Status, UndecodableMessage, created_at, first_id_at, is_image_id, rfc3339
from service.intake.labels import (
    FILENAME_BYTES,
    TAG_CHARACTERS,
    TAGS,
    TITLE_CHARACTERS,
    read_filename,
    read_tags,
    read_title,
)
from service.intake.receive import Facts
from service.storage.catalog import Filters
from service.storage.notifications import arrivals
from tests.intake import LIMITS, form_verdict, pieces, verdict

Target = Callable[[bytes], object]

RECIPE = 4
"""How many bytes at the start of an input say how the rest of it is split."""
BOUNDARY = "x"
SMALL = 300
"""Bytes up to which an input is fed byte by byte, too."""
CANONICAL_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)
SPANS = (Filters(), Filters(since=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2027, 1, 1, tzinfo=UTC)))


def _splits(data: bytes) -> tuple[bytes, list[list[int]]]:
    """The bytes behind the recipe, and the sizes of the pieces they shall come in."""
    recipe, rest = data[:RECIPE], data[RECIPE:]
    sizes = [[byte + 1 for byte in recipe] or [1], [max(1, len(rest) - sum(recipe)), 1]]
    return rest, sizes + ([[1]] if len(rest) <= SMALL else [])


# Bytes of pictures and forms


def _picture(content_type: str) -> Target:
    def target(data: bytes) -> Facts | str:
        rest, splits = _splits(data)
        found = verdict([rest], content_type)
        for sizes in splits:
            assert verdict(pieces(rest, sizes), content_type) == found
        if isinstance(found, Facts):
            assert verdict([rest], None) == found
            assert (found.content_type, found.size) == (content_type, len(rest))
            assert 0 < min(found.width, found.height) <= max(found.width, found.height) <= LIMITS.max_side
            assert 0 < found.frames <= LIMITS.max_frames
            assert found.width * found.height * found.frames <= LIMITS.max_pixels
        return found

    return target


def png(data: bytes) -> None:
    """As they come, and with the right checksum of the header, without which nothing else is looked at."""
    target = _picture("image/png")
    target(data)
    end = RECIPE + 29
    target(data[:end] + zlib.crc32(data[RECIPE + 12 : end]).to_bytes(4) + data[end + 4 :])


def form(data: bytes) -> None:
    """One verdict and one file however the body is split; nothing else than a refusal is raised."""
    rest, splits = _splits(data)
    found = _at_once(form_verdict([rest], BOUNDARY))
    for sizes in splits:
        assert _at_once(form_verdict(pieces(rest, sizes), BOUNDARY)) == found
    if not isinstance(found, str):
        facts, _, content = found
        assert facts.size == len(content)
        assert content in rest
        assert verdict([content], facts.content_type) == facts


def _at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of what never waits; an event loop a time would cost more than the work."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something")


# Words of requests


def cursor(data: bytes) -> None:
    """A cursor is refused, or leads to a place within the span of its own filters."""
    text = data.decode(errors="surrogateescape")
    for filters in SPANS:
        for given in (text, write_cursor(text, filters) if text.isascii() else text):
            try:
                last = read_cursor({"cursor": given}, filters)
            except InvalidRequest as error:
                _refused_as("invalid_cursor", error)
            else:
                assert is_image_id(last)
                assert last is not None
                assert filters.span_includes(last)
                assert read_cursor({"cursor": write_cursor(last, filters)}, filters) == last


def image_id(data: bytes) -> None:
    """An id has one spelling, and a time."""
    text = data.decode(errors="surrogateescape")
    canonical = CANONICAL_ID.fullmatch(text) is not None and text[19] in "89ab" and text[:13] <= "e677d21f-dbff"
    assert is_image_id(text) is canonical
    if canonical:
        assert rfc3339(created_at(text))
        assert first_id_at(created_at(text))[:13] == text[:13]


def words(data: bytes) -> None:
    """Labels and parameters are refused by their own codes, or within their limits."""
    text = data.decode(errors="surrogateescape")
    for one in _taken(read_filename, text, "invalid_filename"):
        assert one is None or len(one.encode()) <= FILENAME_BYTES
    for one in _taken(read_title, text, "invalid_title"):
        assert one is None or len(one) <= TITLE_CHARACTERS
    for tags in _taken(lambda text: read_tags([text]), text, "invalid_tags"):
        assert len(tags) == len(set(tags)) <= TAGS
        assert all(0 < len(tag) <= TAG_CHARACTERS and "," not in tag for tag in tags)
    for name in ("status", "content_type", "tag", "from", "to", "order"):
        for filters in _taken(read_filters, {name: text}, "invalid_parameter"):
            assert filters.status is not Status.DELETED
            assert read_cursor({"cursor": write_cursor(ID, filters)} if filters.span_includes(ID) else {}, filters) in (
                ID,
                None,
            )
    for limit in _taken(read_limit, {"limit": text}, "invalid_parameter"):
        assert 1 <= limit <= 200


ID = "0199a1f0-1234-7abc-8def-0123456789ab"


def _taken(reader: Callable[[Any], Any], given: Any, code: str) -> Iterator[Any]:
    try:
        yield reader(given)
    except (Refused, InvalidRequest) as error:
        _refused_as(code, error)


def _refused_as(code: str, error: ServiceError) -> None:
    assert error.code == code, error


# JSON from AWS


def event(data: bytes) -> None:
    """An event is a request that HTTP can carry, or none; and whatever it is, an answer can be written to it."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        return  # what Lambda hands over has been parsed
    for base_path in ("", "/photos"):
        try:
            request = read(given, base_path=base_path)
        except NotHttp:
            continue
        assert request.target.startswith("/")
        assert request.target.isascii()
        assert not set(request.target) & set(" #\r\n\t\0")
        assert all(TOKEN.fullmatch(name) and isinstance(value, str) for name, value in request.headers)
        assert isinstance(request.user, str | None)
        assert isinstance(request.body, bytes | None)
    answer = write(Response(200, [("Content-Type", "image/png"), ("Set-Cookie", "a=1")], b"\0\xff"), given)
    assert json.loads(json.dumps(answer)) == answer
    assert (answer["statusCode"], answer["body"], answer["isBase64Encoded"]) == (200, "AP8=", True)


def message(data: bytes) -> None:
    """A message is a notification, one of ours, or undecodable; what is one of ours is written as it was read."""
    text = data.decode(errors="surrogatepass" if data.isascii() else "replace")
    for arrival in arrivals(text) or ():
        assert is_image_id(arrival.image_id)
        assert "/" not in arrival.user_id
        assert "#" not in arrival.user_id
    try:
        receipt = Receipt.from_message(text)
    except UndecodableMessage:
        return
    assert is_image_id(receipt.image_id)
    assert Receipt.from_message(receipt.message) == receipt


TARGETS: dict[str, Target] = {
    **{kind: _picture(f"image/{kind}") for kind in ("jpeg", "gif", "webp", "avif")},
    "png": png,
    "form": form,
    "cursor": cursor,
    "image_id": image_id,
    "words": words,
    "event": event,
    "message": message,
}
