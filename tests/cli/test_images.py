"""`list`, `show`, `get`, `tag`, `delete`, `usage`: what they print, and how they end."""

import json
from pathlib import Path

import pytest

from service.client import Image
from tests.cli.conftest import Person
from tests.pictures import gif, jpeg, png

STRANGER = "0199a1f0-1234-7abc-8def-0123456789ab"


@pytest.fixture
async def two(person: Person) -> list[Image]:
    """A JPEG with a title and tags, and a younger PNG without."""
    async with person.client() as client:
        first = await client.upload(person.put("a.jpg", jpeg()), title="Räder", tags=["x", "y"], wait=60)
        return [first, await client.upload(person.put("b.png", png()), wait=60)]


async def test_list(person: Person, two: list[Image]) -> None:
    """Newest first; lines with tabs, or of JSON as the API has it; with the API's filters."""
    first, second = two
    plain, as_json, tagged, by_type, oldest, mistake = [
        await person.run("list", *words.split())
        for words in ("", "--json", "--tag x", "--type image/png", "--order asc --limit 1", "--status lost")
    ]
    cells = [line.split("\t") for line in plain.out.splitlines()]
    assert [one[:5] for one in cells] == [
        [second.image_id, "ready", "image/png", str(second.size), f"{second.width}x{second.height}"],
        [first.image_id, "ready", "image/jpeg", "112525", "640x427"],
    ]
    assert cells[1][6:] == ["a.jpg", "Räder", "x,y"]
    assert [json.loads(line) for line in as_json.out.splitlines()] == [second.raw, first.raw]
    assert tagged.out == oldest.out == plain.out.splitlines(keepends=True)[1]
    assert by_type.out == plain.out.splitlines(keepends=True)[0]
    assert "(invalid_parameter)" in mistake.complaint


async def test_show(person: Person, two: list[Image]) -> None:
    """Facts for people, JSON for programs; the others are shown although one is not there."""
    first, second = two
    shown = await person.run("show", first.image_id)
    assert shown.code == 0
    facts = dict(line.split(None, 1) for line in shown.out.splitlines() if line[:4] not in ("file", ""))
    assert facts["id"] == first.image_id
    assert facts["title"] == "Räder"
    assert facts["size"] == "113 kB (112,525 bytes)"
    assert facts["sha-256"] == first.sha256
    both = await person.run("show", "--json", first.image_id, STRANGER, second.image_id, "nonsense")
    assert both.code == 1
    assert [json.loads(line) for line in both.out.splitlines()] == [first.raw, second.raw]
    missing, nonsense = both.err.splitlines()
    assert missing == f"cloud-images: {STRANGER}: There is no image {STRANGER}. (image_not_found)"
    assert "(invalid_image_id)" in nonsense


async def test_get(person: Person, two: list[Image]) -> None:
    """Into a folder, a file, or to stdout; nothing half is left."""
    first, second = two
    many = await person.run("get", first.image_id, second.image_id, "-o", "down/load/")
    assert many.code == 0
    folder = person.folder / "down/load"
    assert (folder / f"{first.image_id}.jpg").read_bytes() == jpeg().data
    assert (folder / f"{second.image_id}.png").read_bytes() == png().data
    one = await person.run("get", first.image_id, "--variant", "thumb", "-o", "thumb.webp")
    assert one.out == f"thumb.webp  {first.variants['thumb'].size / 1000:.1f} kB\n"
    assert (person.folder / "thumb.webp").stat().st_size == first.variants["thumb"].size
    for words, code, said in (
        (["get", STRANGER, "-o", "no.jpg"], 1, "(image_not_found)"),
        (["get", first.image_id, "-o", "no/such/folder.jpg"], 1, ": no/such/folder.jpg: No such file or directory"),
        (["get", first.image_id, "-o", ""], 2, "--output is empty"),
        (["get", first.image_id, "-o", "/dev/full"], 1, "No space left on device"),
        (["get", first.image_id, second.image_id, "-o", "a.jpg"], 2, "a.jpg is no folder"),
        (["get", first.image_id, "--variant", "huge"], 2, "original, preview, thumb"),
        (["get", first.image_id, "--variant", "../thumb"], 2, "--variant is original"),
    ):
        ended = await person.run(*words)
        assert ended.code == code
        assert said in ended.err
    assert Path("/dev/full").is_char_device()
    assert {path.name for path in person.folder.rglob("*")} == {
        *("a.jpg", "b.png", "down", "load", "thumb.webp", f"{first.image_id}.jpg", f"{second.image_id}.png")
    }


async def test_tag(person: Person, two: list[Image]) -> None:
    """Adds, takes away, sets; what is not named stays."""
    first, second = two
    steps: list[tuple[list[str], tuple[str | None, tuple[str, ...]]]] = [
        (["--add", "z,x", "--remove", "y"], ("Räder", ("x", "z"))),
        (["--title", "Wheels"], ("Wheels", ("x", "z"))),
        (["--set", "only", "--title", ""], (None, ("only",))),
        (["--set", ""], (None, ())),
    ]
    for words, expected in steps:
        ended = await person.run("tag", first.image_id, *words)
        assert ended.code == 0, ended
        (image,) = [one for one in await person.images() if one.image_id == first.image_id]
        assert (image.title, image.tags) == expected
    both = await person.run("tag", "--json", "--add", "new", first.image_id, STRANGER, second.image_id)
    assert both.code == 1
    assert [json.loads(line)["tags"] for line in both.out.splitlines()] == [["new"], ["new"]]
    nothing = await person.run("tag", first.image_id)
    assert "nothing to change" in nothing.complaint
    too_many = await person.run("tag", first.image_id, "--set", ",".join("abcdefghijk"))
    assert (too_many.code, too_many.out) == (1, "")
    assert "(invalid_tags)" in too_many.err


async def test_delete_and_usage(person: Person, two: list[Image]) -> None:
    """Gone for good, also twice; not without a word to that effect."""
    first, second = two
    usage = await person.run("usage")
    assert usage.out == f"2 images (no limit), {(first.size + second.size) / 1000:.0f} kB (no limit)\n"
    asked = await person.run("delete", first.image_id)
    assert "--yes" in asked.complaint
    for _ in range(2):
        ended = await person.run("delete", "--yes", first.image_id)
        assert (ended.code, ended.out) == (0, f"deleted  {first.image_id}\n")
    assert json.loads((await person.run("usage", "--json")).out) == {
        "images": 1,
        "bytes": second.size,
        "quota": {"images": None, "bytes": None},
    }


async def test_wait(person: Person) -> None:
    """`show --wait` waits for what is queued."""
    path = person.put("c.gif", gif())
    async with person.client() as client:
        queued = await client.upload(path)
    ended = await person.run("show", "--json", "--wait", "60", queued.image_id)
    assert json.loads(ended.out)["status"] == "ready"
