"""What an image leaves behind in worker and decoder is nothing: the small form of `tests.cage.soak`."""

import asyncio
import gc
import itertools
import os
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.settings import Settings
from service.storage import Storage
from tests.backstage import decoder_pids, drain
from tests.bad_pictures import Bad
from tests.cage.soak import look, mix, put
from tests.conftest import settings_at
from tests.pictures import Picture
from worker.decoder import Decoders, open_decoders

SMALL = 8_000
DECODED, WARM = 900, 300
KIB_AN_IMAGE = 2
PROCESSED, BATCH = 60, 20
BYTES_AN_IMAGE = 4096
FEW = 10
"""Objects and descriptors that come and go, in an idle worker too."""


@pytest.fixture
async def one() -> AsyncIterator[Decoders]:
    """One slot, which keeps its process."""
    async with open_decoders(replace(settings_at("http://127.0.0.1:9"), decoders=1), {"thumb": 16}) as opened:
        yield opened


async def test_a_decoder_keeps_nothing_of_an_image(one: Decoders) -> None:
    """Its memory is the same after 300 small pictures of all formats and after 600 more."""
    others, first = decoder_pids(), 0
    for n, picture in enumerate(itertools.islice(small(), DECODED)):
        await one.decode(picture.data, picture.content_type)
        if n == WARM:
            first = _resident(others)
    grown = _resident(others) - first
    assert grown < (DECODED - WARM) * KIB_AN_IMAGE


def small() -> Iterator[Picture | Bad]:
    """Of the mix those that cost little time."""
    return (picture for picture in mix() if len(picture.data) < SMALL)


def _resident(others: set[int]) -> int:
    (pid,) = decoder_pids() - others
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1])


async def test_a_worker_keeps_nothing_of_an_image(settings: Settings, storage: Storage, decoders: Decoders) -> None:
    """No object of ours, no task, no descriptor, and no memory of Python's; counted between batches."""
    pictures = small()

    async def batch(size: int) -> tuple[int, int, int, int]:
        for picture in itertools.islice(pictures, size):
            await put(storage, picture)
        await drain(settings, storage, decoders)
        gc.collect()
        used = tracemalloc.get_traced_memory()[0]
        ours = sum(str(type(one).__module__).startswith(("service.", "worker.")) for one in gc.get_objects())
        return used, ours, len(asyncio.all_tasks()), look(os.getpid(), 0).descriptors

    tracemalloc.start()
    try:
        await batch(BATCH)
        before = await batch(BATCH)
        after = await batch(PROCESSED)
    finally:
        tracemalloc.stop()
    used, ours, tasks, descriptors = (late - early for early, late in zip(before, after, strict=True))
    assert used < PROCESSED * BYTES_AN_IMAGE
    assert ours < FEW
    assert tasks < FEW
    assert descriptors < FEW
