"""Where the bytes of uploads wait until they are whole: in memory while a process-wide budget lasts, then on disk.

A thousand slow uploads cost disk, not memory; a normal day never touches the disk. The files have no name, so the
system removes them with the process, however it ends.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from types import TracebackType

from service.errors import Unavailable
from service.intake.disk import Disk, DiskFile

log = logging.getLogger(__name__)

WRITE_BYTES = 64 * 1024
"""Most bytes that an upload on disk collects for its next write."""
TURN_SECONDS = 120.0
"""How long an upload on disk waits until it can be read back."""


class Share:
    """A part of the budget: `left` bytes of it can still be taken."""

    def __init__(self, size: int) -> None:
        self.size = self.left = size


class ReadBacks:
    """Whose turn it is to be in memory once more: as many uploads as fit into `room` bytes, and one in any case."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.taken = 0
        self._first = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncIterator[None]:
        """A turn for `size` bytes, in the order of asking.

        :raises Unavailable: it does not come; those before it may be waiting for an S3 that does not answer.
        """
        try:
            async with asyncio.timeout(TURN_SECONDS), self._first:
                while self.taken and self.taken + size > self._room:
                    self._freed.clear()
                    await self._freed.wait()
                self.taken += size
        except TimeoutError:
            raise Unavailable("spool_unavailable", "The service has no room for this upload now.") from None
        try:
            yield
        finally:
            self.taken -= size
            self._freed.set()


class Spool:
    """Hands out places for uploads and keeps the budget of `memory` bytes over all of them.

    Half of it is for uploads that are in memory as a whole. A sixth is for the newest bytes of those on disk (while the
    disk is slow, each of them waits with its newest ones beyond that), and a third for those that are read back.

    :raises OSError: when made, if `folder` cannot be written to.
    """

    def __init__(self, memory: int, folder: str | None = None) -> None:
        self.memory = memory
        self.whole = Share(memory // 2)
        self.unwritten = Share(memory // 6)
        self.read_backs = ReadBacks(memory // 3)
        self.disk = Disk(folder)

    @property
    def in_memory(self) -> int:
        """Bytes of the budget that are taken now."""
        shares = (self.whole, self.unwritten)
        return sum(share.size - share.left for share in shares) + self.read_backs.taken

    @property
    def on_disk(self) -> int:
        """Bytes that uploads have in files now."""
        return self.disk.held

    def open(self) -> "Spooled":
        """A place for one upload; leaving its context frees its memory and its file."""
        return Spooled(self)


class Spooled:
    """The bytes of one upload so far."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._share = spool.whole
        self._chunks: list[bytes] = []
        self._held = 0
        self._size = 0
        self._file: DiskFile | None = None

    async def __aenter__(self) -> "Spooled":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._chunks.clear()
        self._give_back()
        if self._file is not None:
            with suppress(OSError):
                await self._file.close()

    @property
    def on_disk(self) -> bool:
        """Whether the budget did not suffice."""
        return self._file is not None

    async def write(self, chunk: bytes) -> None:
        """Append `chunk`, which must not change afterwards."""
        size = len(chunk)
        # As much as it leaves to all others, so that there is always room for a small one.
        fits = self._held + size <= self._share.left
        self._chunks.append(chunk)
        self._size += size
        self._take(size)
        if fits and (self._file is None or self._held < WRITE_BYTES):
            return
        if self._file is None:
            self._go_to_disk()
        await self._flush()

    def _go_to_disk(self) -> None:
        held = self._held
        self._file = DiskFile(self._spool.disk)
        self._give_back()
        self._share = self._spool.unwritten
        self._take(held)

    async def _flush(self) -> None:
        content = b"".join(self._chunks)
        self._chunks.clear()
        assert self._file is not None
        with _disk():
            await self._file.append(content)
        self._give_back()

    def _take(self, size: int) -> None:
        self._held += size
        self._share.left -= size

    def _give_back(self) -> None:
        self._share.left += self._held
        self._held = 0

    @asynccontextmanager
    async def content(self) -> AsyncIterator[Sequence[bytes]]:
        """All bytes written, in pieces; those on disk are in memory, and count, until the context is left."""
        if self._file is None:
            yield self._chunks
            return
        await self._flush()
        async with self._spool.read_backs.turn(self._size):
            with _disk():
                content = await self._file.read()
            yield [content]


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.error("cannot spool an upload: %s", error)
        raise Unavailable("spool_unavailable", "The service has no room for this upload now.") from error
