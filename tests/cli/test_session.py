"""docs/command-line.md: its session is one that can be had, and its tables name all that there is."""

import re

from service.cli.asking import OPTIONS
from service.cli.outcomes import WORDS, Outcome, Summary
from tests.cli.conftest import Person
from tests.cli.session import PAGE, record, recorded, same_in


async def test_the_session(person: Person) -> None:
    """`python -m tests.cli.session` records it again."""
    assert same_in(recorded()) == same_in(await record(person))


def test_the_outcomes() -> None:
    """Each is explained, and so is each field of the two kinds of lines."""
    page = PAGE.read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    assert set(WORDS) <= set(rows)
    for line in (Outcome("a", "ready").as_json(), Summary([], 0, False, False).as_json()):
        assert all(f"`{name}`" in page for name in re.findall(r'"(\w+)":', line))


def test_the_options() -> None:
    """All that commands have in common, with their variables."""
    page = PAGE.read_text()
    for name in OPTIONS:
        assert f"`--{name.replace('_', '-')}`" in page
        assert name == "debug" or f"`CLOUD_IMAGES_{name.upper()}`" in page
