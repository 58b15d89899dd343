"""What a person sees on a terminal."""

import re

from tests.cli.conftest import Person
from tests.cli.link import link_to
from tests.cli.terminal import on_terminal
from tests.pictures import jpeg, png

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][;m]")


def plain(text: str) -> str:
    """Without what steers the terminal."""
    return CODES.sub("", text)


async def test_bars(person: Person) -> None:
    """One for all, one for each under way; at the end they are gone, and lines are left."""
    person.put("a photo with a name that is long and goes on and on and on and on and on and on.jpg", jpeg())
    person.put("[red]b.png", png())
    async with (
        link_to(person.url, 150_000) as link,
        on_terminal({**person.environment, "CLOUD_IMAGES_URL": link.url}, "upload", "-r", ".", cwd=person.folder) as it,
    ):
        await it.shows("━")
        assert await it.ends() == 0
    shown = plain(it.text)
    assert re.search(r"all +━+", shown)
    assert re.search(r"\[red\]b\.png +━+", shown)
    assert re.search(r"a photo with a name[^\n━]*… +━+", shown), "what does not fit is cut"
    assert re.search(r"\d+\.\d/\d+\.\d kB", shown)
    assert re.search(r"queued    \[red\]b\.png  [0-9a-f-]{36}", shown)
    assert "2 files: 2 accepted. 353 kB sent." in shown
    assert COLOUR.search(it.text)
    assert it.text.rstrip().endswith("sent.")
    assert "\x1b[?25h" in it.text, "the cursor is back"


async def test_no_colour_and_little_room(person: Person) -> None:
    """NO_COLOR is heard; a narrow terminal breaks nothing."""
    person.put("a.jpg", jpeg())
    more = {**person.environment, "NO_COLOR": "1"}
    async with on_terminal(more, "upload", "--wait", "a.jpg", cwd=person.folder, columns=24) as it:
        assert await it.ends() == 0
    assert not COLOUR.search(it.text)
    assert re.search(r"ready +a\.jpg", plain(it.text))
    async with on_terminal(more, "list", cwd=person.folder, columns=24) as it:
        assert await it.ends() == 0
    (image,) = await person.images()
    assert image.image_id in plain(it.text)
    assert not COLOUR.search(it.text)


async def test_a_dumb_terminal(person: Person) -> None:
    """Lines only."""
    person.put("a.jpg", jpeg())
    more = {**person.environment, "TERM": "dumb"}
    async with on_terminal(more, "upload", "a.jpg", cwd=person.folder) as it:
        assert await it.ends() == 0
    assert "\x1b" not in it.text
    assert "━" not in it.text


async def test_a_table(person: Person) -> None:
    """What it has room for; titles are text, not markup."""
    person.put("a.jpg", jpeg())
    await person.run("upload", "a.jpg", "--title", "[bold]x[/]\u202e", "--wait")
    async with on_terminal(person.environment, "list", cwd=person.folder, columns=140) as it:
        assert await it.ends() == 0
    lines = plain(it.text).splitlines()
    assert lines[0].split() == ["id", "status", "size", "pixels", "created", "name"]
    assert re.search(r"^[0-9a-f-]{36}  ready +113 kB +640 × 427 .*\[bold\]x\[/\]\ufffd", lines[1])


async def test_a_question(person: Person) -> None:
    """`delete` asks; anything but yes leaves the image as it is, and Ctrl-C is heard at once."""
    person.put("a.jpg", jpeg())
    await person.run("upload", "a.jpg", "--wait")
    (image,) = await person.images()
    for answer, code, left in (("n\r", 1, 1), ("\x03", 130, 1), ("y\r", 0, 0)):
        async with on_terminal(person.environment, "delete", image.image_id, cwd=person.folder) as it:
            await it.shows("Delete 1 image for ever?")
            it.types(answer)
            assert await it.ends() == code
        assert "Traceback" not in it.text
        assert len(await person.images()) == left
