"""The client against a real service: uploads of all kinds, and all that can be done with an image."""

import asyncio
import hashlib
from io import BytesIO
from pathlib import Path

import pytest

from service.client import Client, Conflict, NotFound, Refused, Unauthenticated, VersionMismatch
from service.remote.transport import MOST_AT_ONCE
from tests.backstage import SECONDS
from tests.cli.conftest import Person
from tests.cli.link import link_to
from tests.pictures import MOST_BYTES, exactly, gif, jpeg, noise, png, webp


async def test_the_life_of_an_image(person: Person) -> None:
    """Upload, wait, list, edit, download, delete."""
    photo = person.put("rocket.jpg", jpeg())
    async with person.client() as client:
        image = await client.upload(photo, title=" Rocket ", tags=["space,night", "space"], wait=60)
        assert (image.status, image.title, image.tags) == ("ready", "Rocket", ("space", "night"))
        assert (image.filename, image.content_type) == ("rocket.jpg", "image/jpeg")
        assert image.sha256 == hashlib.sha256(jpeg().data).hexdigest()
        assert image.variants["thumb"].width == 256
        assert [one async for one in client.list(tag="night")] == [image]
        assert await client.get(image.image_id) == image

        edited = await client.edit(image.image_id, title=None, if_match=image.version)
        assert (edited.title, edited.tags, edited.version) == (None, image.tags, 2)
        with pytest.raises(VersionMismatch) as mismatch:
            await client.edit(image.image_id, tags=["x"], if_match=image.version)
        assert (mismatch.value.status, mismatch.value.code) == (412, "version_mismatch")

        assert await client.download(image.image_id, person.folder / "again.jpg") == len(jpeg().data)
        assert (person.folder / "again.jpg").read_bytes() == jpeg().data
        thumb = await client.content(image.image_id, variant="thumb")
        assert len(thumb) == image.variants["thumb"].size
        assert (await client.usage()).images == 1

        await client.delete(image.image_id)
        await client.delete(image.image_id)
        with pytest.raises(NotFound):
            await client.download(image.image_id, person.folder / "gone.jpg")
    assert sorted(one.name for one in person.folder.iterdir()) == ["again.jpg", "rocket.jpg"], "and nothing half"


async def test_whatever_holds_the_bytes(person: Person) -> None:
    """Bytes, a path, its text, an open file; the type is told by the bytes, a name by the path only."""
    path = person.put("odd.name", gif())
    async with person.client() as client:
        with path.open("rb") as file:
            images = [await client.upload(one) for one in (gif().data, path, str(path), file, BytesIO(gif().data))]
    assert [image.filename for image in images] == [None, "odd.name", "odd.name", None, None]
    assert {image.content_type for image in images} == {"image/gif"}
    assert len({image.image_id for image in images}) == 5


async def test_once_only(person: Person) -> None:
    """The same key is the same image; another one under it is refused."""
    async with person.client() as client:
        first = await client.upload(jpeg().data, idempotency_key="k")
        assert (await client.upload(jpeg().data, idempotency_key="k")).image_id == first.image_id
        with pytest.raises(Conflict) as other:
            await client.upload(png().data, idempotency_key="k")
        assert other.value.code == "idempotency_key_reused"


async def test_pages(person: Person) -> None:
    """A list goes on over all pages, and no further than it shall."""
    async with person.client() as client:
        ids = [(await client.upload(data, wait=60)).image_id for data in (jpeg().data, png().data, webp().data)]
        page = await client.page(limit=2)
        assert [image.image_id for image in page.images] == ids[:0:-1]
        assert page.next_cursor
        assert [one.image_id async for one in client.list()] == ids[::-1]
        assert [one.image_id async for one in client.list(limit=2, order="asc")] == ids[:2]
        assert [one.image_id async for one in client.list(content_type="image/png")] == ids[1:2]
        with pytest.raises(TypeError, match="colour"):
            await client.page(colour="red")


async def test_progress(person: Person) -> None:
    """All bytes are told of, and not more."""
    gone: list[int] = []
    async with person.client() as client:
        await client.upload(exactly(MOST_BYTES).data, progress=gone.append)
    assert sum(gone) == MOST_BYTES
    assert len(gone) > 50


REFUSALS = [
    (b"", "empty_body"),
    (b"text", "unsupported_media_type"),
    (jpeg().data[:200], "truncated_image"),
    (noise(MOST_BYTES), "unsupported_media_type"),
    (b"\xff\xd8\xff" + noise(MOST_BYTES - 3), "invalid_image"),
]


@pytest.mark.parametrize(("data", "code"), REFUSALS, ids=[f"{code}_{len(data)}" for data, code in REFUSALS])
async def test_refusals(person: Person, data: bytes, code: str) -> None:
    """With the service's own code and words."""
    async with person.client() as client:
        with pytest.raises(Refused) as refused:
            await client.upload(data)
        assert (refused.value.status, refused.value.code) == (400, code)
        assert refused.value.detail


@pytest.mark.parametrize("size", [MOST_BYTES, MOST_BYTES + 1, 4 * MOST_BYTES])
async def test_a_refusal_on_a_slow_link(person: Person, size: int) -> None:
    """It comes long before all would have been sent; a file larger than any image is not read into memory either."""
    path = person.put("large.jpg", noise(1024) * (size // 1024) + b"x" * (size % 1024))
    async with (
        link_to(person.url, 200_000) as link,
        Client(link.url, user=person.name) as client,
        asyncio.timeout(SECONDS),
    ):
        with pytest.raises(Refused) as refused:
            await client.upload(path)
        assert refused.value.code == ("too_large" if size > MOST_BYTES else "signature_mismatch")
        assert link.carried < size / 4
        assert (await client.usage()).images == 0, "the client is of use as before"


async def test_a_slow_link(person: Person) -> None:
    """Slow is not stalled."""
    async with link_to(person.url, 100_000) as link, Client(link.url, user=person.name) as client:
        image = await client.upload(png().data)
        assert image.size == len(png().data)


async def test_one_loop_after_another(person: Person) -> None:
    """A program may run each of its parts by itself, with more requests at once than there are turns."""
    client = Client(person.url, user=person.name)

    async def crowd() -> None:
        async with client:
            await asyncio.gather(*(client.usage() for _ in range(2 * MOST_AT_ONCE)))

    for _ in range(2):
        await asyncio.to_thread(asyncio.run, crowd())


async def test_nobody(person: Person) -> None:
    """It says what is missing."""
    async with Client(person.url) as client:
        with pytest.raises(Unauthenticated) as nobody:
            await client.usage()
        assert nobody.value.code == "unauthenticated"


@pytest.mark.parametrize(
    ("url", "who"),
    [
        ("localhost:8080", {"user": "a"}),
        ("ftp://host", {"user": "a"}),
        ("http://", {"user": "a"}),
        ("http://h", {"user": "a", "token": "b"}),
        ("http://h", {"api_key": "a\r\nX-User-Id: b"}),
        ("http://h", {"user": "ä"}),
    ],
)
def test_what_makes_no_sense(url: str, who: dict[str, str]) -> None:
    """It is said at once, and a credential is not repeated."""
    with pytest.raises(ValueError, match=r"\w") as error:
        Client(url, **who)  # type: ignore[arg-type]
    assert "X-User-Id" not in str(error.value)


async def test_no_file_is_touched_by_a_bad_id(person: Person, tmp_path: Path) -> None:
    """Nor is another address asked."""
    async with person.client() as client:
        for image_id in ("../usage", "", "x", "a?b", "%2e%2e"):
            with pytest.raises(Refused):
                await client.get(image_id)
