"""A format is in every table that has one line for each."""

import re
from pathlib import Path

import pytest

from service.images import EXTENSIONS
from service.intake.formats import ALIASES, TAKEN, WALKERS
from service.remote.content import HEAD, KINDS, kind_of
from tests.fuzz.targets import TARGETS
from tests.pictures import SOUND, TINY
from worker.picture import FORMATS

ROOT = Path(__file__).parents[2]
PAGE = "service/http/gallery/static"


def _page(file: str, at: str) -> set[str]:
    """The types in a file of the page that stand at such places."""
    return set(re.findall(at, (ROOT / PAGE / file).read_text(), re.MULTILINE))


TABLES = {
    "extensions, and what a message may say": set(EXTENSIONS),
    "what the worker decodes": set(FORMATS),
    "the smallest pictures of the tests": set(TINY),
    "sound pictures of the tests": {picture.content_type for picture in SOUND if picture not in TINY.values()},
    "endings of file names that the client knows": set(KINDS.values()),
    "first bytes that the client knows": {kind_of(tiny.data[:HEAD]) for tiny in TINY.values()},
    "what the page sends": _page("files.js", r'^  "(image/[a-z]+)": '),
    "what the page calls it": _page("texts.js", r'^  "(image/[a-z]+)": '),
    "what the page lets one pick": _page("index.html", r'[",](image/[a-z]+)(?=,)'),
    "targets of the fuzzer": {f"image/{name}" for name in TARGETS} & set(WALKERS),
}


@pytest.mark.parametrize("table", TABLES)
def test_a_format_that_is_checked_is_in_the_table(table: str) -> None:
    """No more and no less than those which have a walker."""
    assert TABLES[table] == set(WALKERS), table
    assert set(ALIASES.values()) <= set(WALKERS)


@pytest.mark.parametrize("document", ["README.md", "openapi.yaml"])
def test_documents_name_the_formats_that_are_taken(document: str) -> None:
    """In the words of a refusal, as a list."""
    assert f"Formats: {TAKEN.replace(' and ', ', ')}" in (ROOT / document).read_text()
    assert len(TAKEN.replace(" and ", ", ").split(", ")) == len(WALKERS)


@pytest.mark.parametrize("file", ["index.html", "words.js"])
def test_the_page_names_the_formats_that_are_taken(file: str) -> None:
    """Beside the button, and where it refuses others."""
    assert TAKEN.replace(" and ", " or ") in (ROOT / PAGE / file).read_text()
