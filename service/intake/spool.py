"""Where the bytes of uploads wait until they are whole: in memory while a process-wide budget lasts, then on disk.

A thousand slow uploads cost disk, not memory; a normal day never touches the disk. The files have no name, so the
system removes them with the process, however it ends.
"""

import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import aiofiles.tempfile

from service.errors import Unavailable

log = logging.getLogger(__name__)

WRITE_BYTES = 256 * 1024
"""Bytes that are collected for one write to disk: each write is a hop to a thread."""


class Spool:
    """Hands out places for uploads and keeps the budget of `memory` bytes over all of them.

    :raises OSError: when made, if `folder` cannot be written to.
    """

    def __init__(self, memory: int, folder: str | None = None) -> None:
        self.memory_left = memory
        self.folder = folder
        # A folder that cannot be written to shows here, and not in the middle of an upload.
        tempfile.TemporaryFile(dir=folder).close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Spooled"]:
        """A place for one upload; leaving the context frees its memory and its file."""
        spooled = Spooled(self)
        try:
            yield spooled
        finally:
            await spooled.close()


class Spooled:
    """The bytes of one upload so far."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._chunks: list[bytes] = []
        self._in_memory = 0
        self._unwritten = 0
        self._file: Any = None

    @property
    def on_disk(self) -> bool:
        """Whether the budget did not suffice, so that `content` has to read the bytes back."""
        return self._file is not None

    async def write(self, chunk: bytes) -> None:
        """Append `chunk`, which must not change afterwards."""
        self._chunks.append(chunk)
        if self._file is None and len(chunk) <= self._spool.memory_left:
            self._spool.memory_left -= len(chunk)
            self._in_memory += len(chunk)
            return
        self._unwritten += len(chunk)
        if self._file is None:
            with _disk():
                self._file = await aiofiles.tempfile.TemporaryFile(dir=self._spool.folder)
            await self._flush()
        elif self._unwritten >= WRITE_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        written = b"".join(self._chunks)
        self._chunks.clear()
        self._unwritten = 0
        with _disk():
            await self._file.write(written)
        self._give_back()

    def _give_back(self) -> None:
        self._spool.memory_left += self._in_memory
        self._in_memory = 0

    async def content(self) -> bytes:
        """All bytes written."""
        if self._file is None:
            return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        await self._flush()
        with _disk():
            await self._file.seek(0)
            content: bytes = await self._file.read()
        return content

    async def close(self) -> None:
        """Forget the bytes."""
        self._chunks.clear()
        self._give_back()
        if self._file is not None:
            with suppress(OSError):
                await self._file.close()


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.error("cannot spool an upload: %s", error)
        raise Unavailable("spool_unavailable", "The service has no room for this upload now.") from error
