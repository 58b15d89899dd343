"""Bytes through the service's intake, in pieces of any size, without HTTP."""

from collections.abc import AsyncIterator, Iterable, Iterator
from functools import cache

from service.errors import Refused
from service.intake.form import Form
from service.intake.labels import Labels
from service.intake.receive import Facts, Inspection
from service.intake.spool import Spool
from service.intake.structure import Limits
from service.settings import Settings

DEFAULTS = Settings()
LIMITS = Limits(DEFAULTS.max_pixels, DEFAULTS.max_side, DEFAULTS.max_frames)
ROOM = 24 * 1024 * 1024
"""Memory in which a whole upload has a place without the disk."""

FormVerdict = tuple[Facts, Labels, bytes] | str


@cache
def _spool() -> Spool:
    return Spool(ROOM)


def pieces(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """`data` in pieces of these sizes, and of the last of them to the end."""
    at, size, ahead = 0, 1, iter(sizes)
    while at < len(data):
        size = next(ahead, size)
        yield data[at : at + size]
        at += size


def verdict(chunks: Iterable[bytes], declared: str | None) -> Facts | str:
    """The facts, or the code of the refusal."""
    inspection = Inspection(declared, LIMITS)
    try:
        for chunk in chunks:
            inspection.feed(chunk)
        return inspection.finish()
    except Refused as refused:
        return refused.code


async def form_verdict(chunks: Iterable[bytes], boundary: str) -> FormVerdict:
    """Facts, words and bytes of the file, or the code of the refusal."""

    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async with _spool().open() as spooled:
        reading = Form(body(), boundary)
        try:
            facts = await reading.receive(LIMITS, spooled)
            async with spooled.content() as content:
                return facts, reading.labels(), b"".join(content)
        except Refused as refused:
            return refused.code
