"""One upload's bytes, checked as they arrive. The first violation ends it."""

import hashlib
from collections.abc import AsyncIterable
from dataclasses import dataclass

from service.errors import Refused
from service.images import MAX_BYTES
from service.intake.formats import SIGNATURE_BYTES, WALKERS, detect
from service.intake.spool import Spooled
from service.intake.structure import Limits, Walk


@dataclass(frozen=True, slots=True)
class Facts:
    """What the bytes of a sound upload say: `size` in bytes, `sha256` in hex, `width` and `height` in pixels."""

    content_type: str
    size: int
    sha256: str
    width: int
    height: int
    frames: int


class Inspection:
    """Counts, hashes and checks the bytes of one file, in chunks of any size.

    :raises Refused: from `feed` as soon as the bytes fed so far show it, else from `finish`.
    """

    def __init__(self, declared: str | None, limits: Limits) -> None:
        self._declared = declared
        self._limits = limits
        self._size = 0
        self._digest = hashlib.sha256()
        self._head = b""
        self._content_type = ""
        self._walk: Walk | None = None

    def feed(self, chunk: bytes) -> None:
        """Check the next bytes."""
        self._size += len(chunk)
        if self._size > MAX_BYTES:
            raise too_large()
        if self._walk is not None:
            self._walk.feed(chunk)
        else:
            self._head += chunk
            if len(self._head) >= SIGNATURE_BYTES:
                self._begin_walk()
        self._digest.update(chunk)

    def _begin_walk(self) -> Walk:
        self._content_type = detect(self._head[:SIGNATURE_BYTES], self._declared)
        self._walk = Walk(WALKERS[self._content_type], self._limits)
        self._walk.feed(self._head)
        self._head = b""
        return self._walk

    def finish(self) -> Facts:
        """The facts of the whole file; nothing may be fed afterwards."""
        if not self._size:
            raise Refused("empty_body", "The file has no bytes.")
        shape = (self._walk or self._begin_walk()).finish()
        digest = self._digest.hexdigest()
        return Facts(self._content_type, self._size, digest, shape.width, shape.height, shape.frames)


def too_large() -> Refused:
    """The refusal of a file over the limit, wherever that is noticed."""
    return Refused("too_large", f"An image may have at most {MAX_BYTES} bytes (5 MB).")


async def receive(chunks: AsyncIterable[bytes], declared: str | None, limits: Limits, spooled: Spooled) -> Facts:
    """Check the file in `chunks` and collect it in `spooled`; nothing is collected that is not sound so far.

    :raises Refused: not a sound image, or not of the type `declared` (None: nothing was declared).
    """
    inspection = Inspection(declared, limits)
    async for chunk in chunks:
        inspection.feed(chunk)
        await spooled.write(chunk)
    return inspection.finish()
