"""`Range` on an image's content: RFC 9110, section 14."""

import pytest

from tests.api.stored import Stored
from tests.api.test_content import assert_safe
from tests.driver import Client
from tests.pictures import jpeg

SIZE = len(jpeg().data)


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=1000-1999", 1000, 1999),
        (f"bytes={SIZE - 1}-{SIZE - 1}", SIZE - 1, SIZE - 1),
        ("bytes=100-", 100, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-500", SIZE - 500, SIZE - 1),
        (f"bytes=-{SIZE * 10}", 0, SIZE - 1),
        (f"bytes=5-{SIZE * 10}", 5, SIZE - 1),
        ("bytes=5-" + "9" * 30, 5, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
    ],
)
async def test_a_range(owner: Client, photo: Stored, wanted: str, first: int, last: int) -> None:
    """Just those bytes, and where they belong."""
    answer = await owner.get(photo.content, Range=wanted)
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first + 1)
    assert answer.body == photo.data[first : last + 1]
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert_safe(answer)


@pytest.mark.parametrize(
    "wanted", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=" + "9" * 30 + "-", "bytes=-0"]
)
async def test_a_range_beyond_the_end(owner: Client, photo: Stored, wanted: str) -> None:
    """416, and how many bytes there are."""
    answer = await owner.get(photo.content, Range=wanted)
    assert answer.status == 416
    assert answer.code == "range_not_satisfiable"
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "wanted",
    ["bytes=0-9,20-29", "bytes=9-0", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-9;", "lines=0-9", "0-9", "bytes 0-9"],
)
async def test_a_range_that_is_none(owner: Client, photo: Stored, wanted: str) -> None:
    """All bytes: the RFC lets a server pass over what it does not serve or understand."""
    answer = await owner.get(photo.content, Range=wanted)
    assert (answer.status, answer.body == photo.data) == (200, True)
    assert "Content-Range" not in answer.headers


async def test_if_range(owner: Client, photo: Stored) -> None:
    """A part only of the very bytes that the client has, so that it never pastes two images together."""
    tag = (await owner.get(photo.content)).headers["ETag"]
    right = await owner.get(photo.content, Range="bytes=10-19", If_Range=tag)
    assert (right.status, right.body) == (206, photo.data[10:20])
    for wrong in ('"other"', f"W/{tag}", "Sun, 22 Nov 2026 12:00:00 GMT", "x"):
        answer = await owner.get(photo.content, Range="bytes=10-19", If_Range=wrong)
        assert (answer.status, answer.body == photo.data) == (200, True), wrong
    beyond = await owner.get(photo.content, Range=f"bytes={SIZE}-", If_Range='"other"')
    assert beyond.status == 200


async def test_a_range_of_a_variant(owner: Client, photo: Stored) -> None:
    """Variants are served like originals."""
    url = photo.record["variants"]["thumb"]["url"]
    whole = (await owner.get(url)).body
    part = await owner.get(url, Range="bytes=-7")
    assert (part.status, part.body) == (206, whole[-7:])
    assert part.headers["Content-Range"] == f"bytes {len(whole) - 7}-{len(whole) - 1}/{len(whole)}"
