"""Uploads on their way in: in memory while a budget lasts, then on disk, in files without a name."""

import asyncio
import sys
from collections.abc import Awaitable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.intake.spool import WRITE_BYTES, Spool, Spooled

KB = 1024
shows_open_files = pytest.mark.skipif(sys.platform != "linux", reason="looks at open files by /proc")


async def fill(spooled: Spooled, *chunks: bytes) -> None:
    for chunk in chunks:
        await spooled.write(chunk)


async def test_within_the_budget_nothing_touches_the_disk(tmp_path: Path) -> None:
    spool = Spool(10 * KB, str(tmp_path))
    tmp_path.chmod(0o500)
    async with spool.open() as spooled:
        await fill(spooled, b"a" * 4 * KB, b"b" * 6 * KB)
        assert not spooled.on_disk
        assert spool.memory_left == 0
        assert await spooled.content() == b"a" * 4 * KB + b"b" * 6 * KB
    assert spool.memory_left == 10 * KB


async def test_beyond_the_budget_an_upload_goes_to_disk_as_a_whole(tmp_path: Path) -> None:
    """And gives its memory back to the others at once."""
    spool = Spool(10 * KB, str(tmp_path))
    async with spool.open() as spooled:
        await fill(spooled, b"a" * 10 * KB, b"b")
        assert spooled.on_disk
        assert spool.memory_left == 10 * KB
        await fill(spooled, *[b"c" * KB] * 1000)
        assert await spooled.content() == b"a" * 10 * KB + b"b" + b"c" * 1000 * KB
    assert spool.memory_left == 10 * KB


@shows_open_files
async def test_on_disk_memory_holds_no_more_than_one_write(tmp_path: Path) -> None:
    """However small the chunks are, and whatever they add up to."""
    spool = Spool(0, str(tmp_path))
    async with spool.open() as spooled:
        await fill(spooled, *[b"x" * 100] * (5 * WRITE_BYTES // 100))
        in_file = sum(Path(f"/proc/self/fd/{fd}").stat().st_size for fd in open_files(tmp_path))
        assert 4 * WRITE_BYTES <= in_file <= 5 * WRITE_BYTES


@shows_open_files
async def test_files_have_no_name(tmp_path: Path) -> None:
    """So the system removes them, also after a crash."""
    spool = Spool(0, str(tmp_path))
    async with spool.open() as one, spool.open() as other:
        await fill(one, b"1" * 2 * WRITE_BYTES)
        await fill(other, b"2" * 2 * WRITE_BYTES)
        assert one.on_disk
        assert list(tmp_path.iterdir()) == []
        assert len(open_files(tmp_path)) == 2
        assert (await one.content(), await other.content()) == (b"1" * 2 * WRITE_BYTES, b"2" * 2 * WRITE_BYTES)
    assert open_files(tmp_path) == []


def open_files(folder: Path) -> list[int]:
    """The file descriptors of this process that lead into `folder`, also to files without a name."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:  # the one of this very listing
            continue
        if target.startswith(f"{folder}/"):
            found.append(int(entry.name))
    return found


async def test_the_budget_is_one_for_all_and_comes_back(tmp_path: Path) -> None:
    spool = Spool(10 * KB, str(tmp_path))
    async with spool.open() as first:
        await fill(first, b"a" * 8 * KB)
        async with spool.open() as second:
            await fill(second, b"b" * 8 * KB)
            assert (first.on_disk, second.on_disk) == (False, True)
        async with spool.open() as third:
            await fill(third, b"c" * 2 * KB)
            assert not third.on_disk
            assert spool.memory_left == 0
    assert spool.memory_left == 10 * KB
    async with spool.open() as fourth:
        await fill(fourth, b"d" * 10 * KB)
        assert not fourth.on_disk


@shows_open_files
@pytest.mark.parametrize("size", [KB, 20 * KB], ids=["memory", "disk"])
async def test_an_upload_that_ends_badly_gives_all_back(size: int, tmp_path: Path) -> None:
    spool = Spool(10 * KB, str(tmp_path))

    async def upload(ending: Awaitable[object]) -> None:
        async with spool.open() as spooled:
            await fill(spooled, b"a" * size)
            await ending

    reset = asyncio.Future[None]()
    reset.set_exception(ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        await upload(reset)

    reading = asyncio.Event()

    async def stalled() -> None:
        reading.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(upload(stalled()))
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert spool.memory_left == 10 * KB
    assert open_files(tmp_path) == []


def test_a_folder_that_cannot_be_used_shows_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        Spool(KB, str(tmp_path / "nowhere"))


@settings(deadline=None)
@given(
    memory=st.integers(0, 2000),
    uploads=st.lists(st.lists(st.binary(min_size=1, max_size=700), max_size=6), min_size=1, max_size=4),
)
async def test_whatever_the_budget_the_bytes_come_back(memory: int, uploads: list[list[bytes]]) -> None:
    """Several uploads at once, whose chunks come in turns."""
    spool = Spool(memory)
    whole = b"".join

    async def one(chunks: list[bytes]) -> None:
        async with spool.open() as spooled:
            for chunk in chunks:
                await spooled.write(chunk)
                assert 0 <= spool.memory_left <= memory
                await asyncio.sleep(0)
            assert await spooled.content() == whole(chunks)

    await asyncio.gather(*map(one, uploads))
    assert spool.memory_left == memory
