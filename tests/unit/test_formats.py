"""A format is in every table that has one line for each."""

from pathlib import Path

import pytest

from service.images import EXTENSIONS
from service.intake.formats import ALIASES, TAKEN, WALKERS
from tests.fuzz.targets import TARGETS
from tests.pictures import SOUND, TINY
from worker.picture import FORMATS

ROOT = Path(__file__).parents[2]
TABLES = {
    "extensions, and what a message may say": set(EXTENSIONS),
    "what the worker decodes": set(FORMATS),
    "the smallest pictures of the tests": set(TINY),
    "sound pictures of the tests": {picture.content_type for picture in SOUND if picture not in TINY.values()},
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
