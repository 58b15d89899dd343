"""The disk under the spool: one file an upload, without a name, so the system removes it with the process."""

import asyncio
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from io import FileIO

from aiofiles.threadpool import wrap

SLOW_SECONDS = 0.2
"""A write that takes longer has waited for the disk itself, and not only for the system's cache of it."""
QUICK_WRITES = 20
"""So many quick ones in a row show that the disk is no longer slow."""


class Disk:
    """A folder for such files.

    The loop writes by itself: the system's cache takes 64 KB in a fraction of what a hop to a thread costs, and bytes
    that wait for a thread, which a busy loop lets run seldom, are bytes in memory. From a slow write on the thread
    writes, until the disk has been quick for a while.

    :raises OSError: when made, if the folder cannot be written to.
    """

    def __init__(self, folder: str | None) -> None:
        self.folder = folder
        # A single one, so that a file is closed only after the write that was under way when its upload was given up.
        self.thread = ThreadPoolExecutor(1, "spool")
        self.slow_for = 0
        """How many more writes are left to the thread."""
        self.held = 0
        """Bytes that the files have together."""
        # A folder that cannot be written to shows here, and not in the middle of an upload.
        tempfile.TemporaryFile(dir=folder).close()


class DiskFile:
    """What one upload has on disk. All methods raise `OSError` when the disk does not do as it should."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._file: FileIO | None = None
        self._size = 0

    async def append(self, content: bytes) -> None:
        """Write behind what is there; the first time this makes the file."""
        # Before they are written: who gives up while the thread writes leaves them in the file all the same.
        self._size += len(content)
        self._disk.held += len(content)
        if self._disk.slow_for:
            await asyncio.get_running_loop().run_in_executor(self._disk.thread, self._append, content)
        else:
            self._append(content)

    def _append(self, content: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(buffering=0, dir=self._disk.folder)  # noqa: SIM115 (open as long as the upload)
        begin = time.monotonic()
        unwritten = memoryview(content)
        while unwritten:
            unwritten = unwritten[self._file.write(unwritten) :]
        slow = time.monotonic() - begin > SLOW_SECONDS
        self._disk.slow_for = QUICK_WRITES if slow else max(0, self._disk.slow_for - 1)

    async def read(self) -> bytes:
        """All that was written."""
        assert self._file is not None
        file = wrap(self._file, executor=self._disk.thread)
        await file.seek(0)
        content: bytes = await file.readall()
        return content

    async def close(self) -> None:
        """Remove the file, also one that the thread is only about to make."""
        self._disk.held -= self._size
        self._size = 0
        await asyncio.get_running_loop().run_in_executor(self._disk.thread, self._close)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
