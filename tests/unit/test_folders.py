"""Temporary folders: each is removed by whoever has it, or by the next one that wants such a folder."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.folders import own_folder

PREFIX = "cloud-images-test-"
KEEPS = f"""
import os, sys
from service.folders import own_folder
with own_folder("{PREFIX}") as folder:
    (folder / "file").write_text("x")
    (folder / "deep").mkdir()
    if "fork" in sys.argv and os.fork() == 0:
        os.read(0, 1)
        os._exit(0)
    print(folder, flush=True)
    os.read(0, 1)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are in these tests."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@contextmanager
def other(*words: str) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Another process that has such a folder; it ends when its stdin does."""
    with subprocess.Popen([sys.executable, "-c", KEEPS, *words], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process, Path(process.stdout.readline().decode().strip())
        process.stdin.close()


def test_it_is_there_until_it_is_left(place: Path) -> None:
    """For its user alone."""
    with own_folder(PREFIX) as folder:
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").touch()
    assert list(place.iterdir()) == []


def test_a_living_process_keeps_its_own(place: Path) -> None:
    with other() as (_, theirs), own_folder(PREFIX) as folder:
        assert set(place.iterdir()) == {theirs, folder}
        assert (theirs / "file").exists()
    assert list(place.iterdir()) == []


def test_a_killed_process_leaves_it_to_the_next(place: Path) -> None:
    with other() as (process, theirs):
        process.kill()
        process.wait()
        assert (theirs / "file").exists()
        with own_folder("cloud-images-other-"):
            assert theirs.exists()
        with own_folder(PREFIX) as folder:
            assert list(place.iterdir()) == [folder]


def test_a_forked_process_keeps_it_for_a_killed_one(place: Path) -> None:
    """The supervisor is gone, and its processes finish what they have under way."""
    with other("fork") as (process, theirs):
        process.kill()
        process.wait()
        with own_folder(PREFIX):
            assert (theirs / "file").exists()


def test_no_link_and_no_file_is_followed(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What has such a name by chance, or by malice."""
    precious = tmp_path_factory.mktemp("precious")
    (precious / "file").touch()
    (place / f"{PREFIX}link").symlink_to(precious)
    (place / f"{PREFIX}file").touch()
    within = place / f"{PREFIX}dead"
    within.mkdir()
    (within / "link").symlink_to(precious)
    with own_folder(PREFIX) as folder:
        assert {one.name for one in place.iterdir()} == {folder.name, f"{PREFIX}link", f"{PREFIX}file"}
    assert (precious / "file").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_is_left_alone(place: Path) -> None:
    theirs = place / f"{PREFIX}theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with own_folder(PREFIX):
        assert theirs.exists()
