"""Uploads on their way in: in memory while a budget lasts, then on disk, in files without a name."""

import asyncio
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import Unavailable
from service.intake import disk
from service.intake import spool as spool_module
from service.intake.disk import SLOW_SECONDS
from service.intake.spool import WRITE_BYTES, ReadBacks, Spool, Spooled

KB = 1024
MB = 1024 * KB
shows_open_files = pytest.mark.skipif(sys.platform != "linux", reason="looks at open files by /proc")


async def fill(spooled: Spooled, *chunks: bytes) -> None:
    for chunk in chunks:
        await spooled.write(chunk)


async def read(spooled: Spooled) -> bytes:
    async with spooled.content() as content:
        return b"".join(content)


def free(spool: Spool) -> tuple[int, int]:
    """What is left of the memory for uploads that are whole in it, and for those on disk."""
    return spool.whole.left, spool.unwritten.left


async def test_within_the_budget_nothing_touches_the_disk(tmp_path: Path) -> None:
    """Half of it is for such uploads."""
    spool = Spool(20 * KB, str(tmp_path))
    before = free(spool)
    tmp_path.chmod(0o500)
    async with spool.open() as spooled:
        await fill(spooled, b"a" * 4 * KB, b"b" * 2 * KB)
        assert not spooled.on_disk
        assert spool.whole.left == 4 * KB
        assert await read(spooled) == b"a" * 4 * KB + b"b" * 2 * KB
    assert free(spool) == before


async def test_beyond_the_budget_an_upload_goes_to_disk_as_a_whole(tmp_path: Path) -> None:
    """And gives its memory back to the others at once."""
    spool = Spool(20 * KB, str(tmp_path))
    before = free(spool)
    async with spool.open() as spooled:
        await fill(spooled, b"a" * 10 * KB, b"b")
        assert spooled.on_disk
        assert free(spool) == before
        await fill(spooled, *[b"c" * KB] * 1000)
        assert await read(spooled) == b"a" * 10 * KB + b"b" + b"c" * 1000 * KB
    assert free(spool) == before


async def test_a_file_system_without_unnamed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file loses its name as soon as it has one."""
    monkeypatch.setattr(tempfile, "_O_TMPFILE_WORKS", False)
    spool = Spool(0, str(tmp_path))
    async with spool.open() as spooled:
        await fill(spooled, b"a" * 10 * KB)
        assert spooled.on_disk
        assert list(tmp_path.iterdir()) == []
        assert await read(spooled) == b"a" * 10 * KB


async def test_large_uploads_leave_room_for_small_ones(tmp_path: Path) -> None:
    """However many there are, and whether they are in memory or on disk."""
    spool = Spool(4000 * KB, str(tmp_path))
    async with AsyncExitStack() as stack:
        large = [await stack.enter_async_context(spool.open()) for _ in range(100)]
        for _ in range(100):
            for one in large:
                await fill(one, bytes(2 * KB))
            async with spool.open() as small:
                await fill(small, bytes(6 * KB))
                assert not small.on_disk


async def test_the_budget_bounds_what_hundreds_of_uploads_hold(tmp_path: Path) -> None:
    """By what Python says it has handed out, for bytes that arrive, are being written, and are read back."""
    budget, uploads, chunk = 18 * MB, 300, 16 * KB
    spool = Spool(budget, str(tmp_path))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    async def upload() -> None:
        async with spool.open() as spooled:
            for _ in range(MB // chunk):
                await spooled.write(bytes(chunk))
                await asyncio.sleep(0)
            async with spooled.content() as content:
                assert sum(map(len, content)) == MB
                await asyncio.sleep(0.001)

    try:
        await asyncio.gather(*(upload() for _ in range(uploads)))
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # A few KB that are no bytes of it belong to each upload, and one chunk to the one whose turn it is.
    assert peak <= budget + uploads * 8 * KB


@pytest.mark.parametrize("memory", [0, KB, 40 * KB])
async def test_a_small_budget_stops_nobody(memory: int, tmp_path: Path) -> None:
    """Uploads whose bytes are more than all of it, at once, read back while others are."""
    spool = Spool(memory, str(tmp_path))
    before = free(spool)

    async def upload(byte: bytes) -> None:
        async with spool.open() as spooled:
            for _ in range(50):
                await spooled.write(byte * KB)
                await asyncio.sleep(0)
            assert await read(spooled) == byte * 50 * KB

    async with asyncio.timeout(120):
        await asyncio.gather(*(upload(bytes([n])) for n in range(20)))
    assert free(spool) == before


async def test_uploads_are_read_back_one_after_the_other(tmp_path: Path) -> None:
    """The budget is too small for two; one that is given up while it waits takes no turn."""
    spool = Spool(0, str(tmp_path))
    async with spool.open() as first, spool.open() as second, spool.open() as third:
        for one in (first, second, third):
            await fill(one, b"x" * KB)
        async with first.content():
            waiting = [asyncio.create_task(read(one)) for one in (second, third)]
            await asyncio.wait(waiting, timeout=0.1)
            assert not any(task.done() for task in waiting)
            waiting[0].cancel()
        assert await waiting[1] == b"x" * KB
        assert waiting[0].cancelled()


async def test_a_slow_disk_holds_up_its_own_uploads_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a write has taken long, the loop leaves writing to the thread."""

    looked = threading.Event()

    class SlowFile(FileIO):
        def write(self, content: Any) -> int:
            if content == b"first":
                time.sleep(2 * SLOW_SECONDS)
            else:
                assert looked.wait(60), "the loop waits for this write"
            return super().write(content)

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: SlowFile(tmp_path / "slow", "w+"))
    async with Spool(0).open() as spooled:
        await fill(spooled, b"first")
        writing = asyncio.create_task(fill(spooled, b"second"))
        await asyncio.sleep(0)
        assert not writing.done()
        looked.set()
        await writing
        assert await read(spooled) == b"firstsecond"


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
        assert (await read(one), await read(other)) == (b"1" * 2 * WRITE_BYTES, b"2" * 2 * WRITE_BYTES)
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
    spool = Spool(20 * KB, str(tmp_path))
    before = free(spool)
    async with spool.open() as first:
        await fill(first, b"a" * 8 * KB)
        async with spool.open() as second:
            await fill(second, b"b" * 8 * KB)
            assert (first.on_disk, second.on_disk) == (False, True)
        async with spool.open() as third:
            await fill(third, b"c" * 2 * KB)
            assert not third.on_disk
            assert spool.whole.left == 0
    assert free(spool) == before
    async with spool.open() as fourth:
        await fill(fourth, b"d" * 10 * KB)
        assert not fourth.on_disk


@shows_open_files
@pytest.mark.parametrize("size", [KB, 20 * KB], ids=["memory", "disk"])
async def test_an_upload_that_ends_badly_gives_all_back(size: int, tmp_path: Path) -> None:
    spool = Spool(20 * KB, str(tmp_path))
    before = free(spool)

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
    assert free(spool) == before
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
    before = free(spool)
    whole = b"".join

    async def one(chunks: list[bytes]) -> None:
        async with spool.open() as spooled:
            for chunk in chunks:
                await spooled.write(chunk)
                assert all(left >= 0 for left in free(spool))
                await asyncio.sleep(0)
            assert await read(spooled) == whole(chunks)

    await asyncio.gather(*map(one, uploads))
    assert free(spool) == before


async def test_a_slow_disk_does_not_hold_up_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first slow write on a thread writes, until enough of its writes are quick."""
    writers: list[bool] = []
    append = disk.DiskFile._append

    def watched(file: disk.DiskFile, content: bytes) -> None:
        writers.append(threading.current_thread() is threading.main_thread())
        append(file, content)

    monkeypatch.setattr(disk.DiskFile, "_append", watched)
    monkeypatch.setattr(disk, "QUICK_WRITES", 1)
    monkeypatch.setattr(disk, "SLOW_SECONDS", 60.0)
    spool = Spool(0, str(tmp_path))
    async with spool.open() as spooled:
        await fill(spooled, b"a" * KB)
        monkeypatch.setattr(disk, "SLOW_SECONDS", -1.0)
        await fill(spooled, b"b" * KB, b"c" * KB)
        monkeypatch.setattr(disk, "SLOW_SECONDS", 60.0)
        await fill(spooled, b"d" * KB, b"e" * KB)
        assert await read(spooled) == b"".join(letter * KB for letter in (b"a", b"b", b"c", b"d", b"e"))
    assert writers[:5] == [True, True, False, False, True]


async def test_read_backs_share_their_room_in_order() -> None:
    """As many as fit, a large one when it is alone, and nobody before one that asked earlier."""
    turns, order = ReadBacks(10), list[str]()
    may_end = {name: asyncio.Event() for name in ("small", "other", "large", "late")}

    async def take(name: str, size: int) -> None:
        async with turns.turn(size):
            order.append(name)
            await may_end[name].wait()

    async with asyncio.TaskGroup() as tasks:
        for name, size in (("small", 4), ("other", 4), ("large", 50), ("late", 1)):
            tasks.create_task(take(name, size))
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert order == ["small", "other"]
        may_end["small"].set()
        await asyncio.sleep(0.01)
        assert order == ["small", "other"]
        may_end["other"].set()
        await asyncio.sleep(0.01)
        assert order == ["small", "other", "large"]
        may_end["large"].set()
        await asyncio.sleep(0.01)
        assert order == ["small", "other", "large", "late"]
        may_end["late"].set()


async def test_a_turn_that_does_not_come_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever gives up stands in nobody's way."""
    monkeypatch.setattr(spool_module, "TURN_SECONDS", 0.05)
    turns = ReadBacks(1)
    async with turns.turn(1):
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                async with turns.turn(1):
                    pass
            assert caught.value.code == "spool_unavailable"
    async with turns.turn(1):
        pass
