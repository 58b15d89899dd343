"""What the documents point to is there: links, headings, files, tests, commands of `make` and of the command line."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
LINK = re.compile(r"(?<!`)\[[^]]*\]\(([^)\s]+)\)")
FOLDERS = re.compile(r"(?<![\w/.$-])((?:service|worker|tests|deploy|docs|docker)/[\w./*-]*[\w/*])")
FILE = re.compile(r"(?<=`)([\w*-]+\.(?:py|yaml|yml|toml|svg))(?=[`:])")
TEST = re.compile(r"::(test_\w+)")
MAKE = re.compile(r"(?:^|`)make ([a-z]+)", re.MULTILINE)
COMMAND = re.compile(r"(?:^|[`(/])cloud-images ([a-z][a-z-]+)", re.MULTILINE)
MADE_BY_READERS = {"bmp.py"}
"""Files that a guide has its reader write."""


@cache
def read(document: Path) -> str:
    """The text of a document."""
    return (ROOT / document).read_text()


@cache
def anchors(document: Path) -> set[str]:
    """What the headings of a document can be called by in a link, as GitHub does it."""
    prose = re.sub(r"^```.*?^```$", "", read(document), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    """Within the repository, to a heading that is there."""
    for link in LINK.findall(read(document)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / document.parent / path).resolve() if path else ROOT / document
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.relative_to(ROOT)), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_files_are_there(document: Path) -> None:
    """Those named by their path, also with `*`; and those named alone, somewhere."""
    text = read(document)
    for path in FOLDERS.findall(text):
        assert list(ROOT.glob(path.rstrip("/"))) or path.rstrip("/").rpartition("/")[2] in MADE_BY_READERS, path
    folders = [ROOT, *(ROOT / name for name in ("service", "worker", "tests", "deploy", "docs", "docker"))]
    for name in set(FILE.findall(text)) - MADE_BY_READERS:
        assert any(list(folder.glob(name)) or list(folder.glob(f"**/{name}")) for folder in folders[1:]) or list(
            ROOT.glob(name)
        ), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_tests_are_there(document: Path) -> None:
    """By their names."""
    names = set(TEST.findall(read(document)))
    if names:
        there = {name for path in (ROOT / "tests").rglob("*.py") for name in re.findall(r"def (\w+)", path.read_text())}
        assert names - there == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_commands_are_there(document: Path) -> None:
    """Goals of the Makefile, and what the command line knows."""
    goals = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(MAKE.findall(read(document))) - goals == set()
    assert set(COMMAND.findall(read(document))) - commands() == set()


@cache
def commands() -> set[str]:
    """What the command line says that it knows."""
    done = subprocess.run([sys.executable, "-m", "service.cli", "--help"], capture_output=True, text=True, check=True)
    found = set(re.findall(r"^\W+([a-z][a-z-]+)  ", done.stdout, re.MULTILINE))
    assert found >= {"serve", "worker"}, done.stdout
    return found
