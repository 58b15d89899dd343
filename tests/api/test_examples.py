"""The examples in the documents do what they say, beside a real service and a worker."""

import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.settings import Settings
from service.storage import Storage
from tests.backstage import working
from tests.driver import client_of
from tests.examples import Example, differences, examples, run
from worker.decoder import Decoders

ROOT = Path(__file__).parents[2]
WRITTEN = "http://127.0.0.1:8080"
"""Where `make run` serves."""


def chosen(document: str, section: str = "") -> list[Example]:
    """The examples of a document, or of one section of it."""
    text = (ROOT / document).read_text()
    if section:
        text = re.split(r"^## ", text.partition(f"\n## {section}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    found = examples(text)
    assert found, (document, section)
    return found


@dataclass(frozen=True)
class Beside:
    """A running service, and a folder in which examples find the photos and the command line of the repository.

    `instead` has what is different here: as it is written → as it is.
    """

    instead: dict[str, str]
    folder: Path

    async def wrong(self, found: list[Example]) -> list[str]:
        """Run the examples; in what their answers differ from those shown."""
        shells = [one.shell for one in found]
        for written, real in self.instead.items():
            shells = [shell.replace(written, real) for shell in shells]
        printed = await run(shells, self.folder, CLOUD_IMAGES_URL=self.instead[WRITTEN])
        for written, real in self.instead.items():
            printed = [text.replace(real, written) for text in printed]
        compared = [(one, text) for one, text in zip(found, printed, strict=True) if one.kind]
        return [line for one, text in compared for line in differences(one.kind, one.shown, text)]


@pytest.fixture
async def beside(settings: Settings, storage: Storage, decoders: Decoders, tmp_path: Path) -> AsyncIterator[Beside]:
    """A service and a worker."""
    folder = tmp_path / "a clone"
    folder.mkdir()
    (folder / "tests").symlink_to(ROOT / "tests")
    (folder / ".venv").symlink_to(sys.prefix)
    async with client_of(settings, "alice") as client, working(settings, storage, decoders):
        # A busy machine may take longer than people like to wait.
        waits = {"wait=10": f"wait={settings.wait_seconds:g}"}
        yield Beside({WRITTEN: client.url, Settings().bucket: settings.bucket, **waits}, folder)


@pytest.mark.parametrize(("document", "section"), [("README.md", "Use it"), ("docs/api.md", "")])
async def test_the_examples_are_true(document: str, section: str, beside: Beside) -> None:
    """Each runs, and prints what the document shows."""
    assert await beside.wrong(chosen(document, section)) == []


SHOWN = """HTTP/1.1 200 OK
ETag: "1"

{"id": "0199a1f0-1234-7abc-8def-0123456789ab", "n": 1, "names": ["a"], "sub": {"k": "long…", "…": "…"}}
"""
REAL = """HTTP/1.1 200 OK\r
Date: today\r
ETag: "1"\r
\r
{"id": "0199a1f0-9999-7abc-8def-0123456789ab", "n": 1, "names": ["a"], "sub": {"k": "longer", "more": null}}"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("200", "202"),
        ('ETag: "1"', 'ETag: "2"'),
        ("ETag", "Age"),
        ('"n": 1', '"n": 2'),
        ('"n": 1', '"n": "1"'),
        ('"n": 1', '"m": 1'),
        ('"n": 1, ', ""),
        ('"n": 1', '"n": 1, "m": 1'),
        ('["a"]', '["a", "b"]'),
        ('["a"]', '["b"]'),
        ("longer", "other"),
        ("0199a1f0-9999-7abc-8def-0123456789ab", "nobody"),
        ("{", ""),
    ],
)
def test_a_difference_is_seen(old: str, new: str) -> None:
    """In each part of an answer; and none where there is none."""
    real = REAL.replace(old, new) if "{" not in old else REAL.partition("{")[0]
    assert bool(differences("http", SHOWN, real)) is bool(old)


async def test_an_example_that_fails_ends_the_run(tmp_path: Path) -> None:
    """Its command is named, and its output."""
    with pytest.raises(AssertionError, match="false"):
        await run(["echo one", "echo two\nfalse | cat", "echo three"], tmp_path)
