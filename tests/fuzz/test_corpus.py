"""All inputs that the fuzzer has kept, and all that once broke a promise, against the same targets."""

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
MOST_BYTES = 150_000


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_that_was_kept(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert len(inputs) > 1
    for one in inputs:
        try:
            TARGETS[name](one.read_bytes())
        except Exception as error:
            error.add_note(f"the input is {one.relative_to(CORPUS.parent)}")
            raise


def test_the_corpus_is_small() -> None:
    """A clone shall stay small; `make fuzz KEEP=1` makes it anew."""
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < MOST_BYTES
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
