"""Decoder processes: whatever an image does to one of them costs that process, and never the worker."""

import asyncio
import os
import shlex
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from service.settings import Settings
from service.settings.setting import MIB
from service.storage.objects import VARIANTS
from tests.backstage import cpu_ticks, decoder_pids, ended, kill, until
from tests.bad_pictures import ONLY_DECODING_TELLS, png_claiming, vp8_claiming
from tests.conftest import settings_at
from tests.pictures import RED, encoded, gif_of, jpeg_progressive
from worker.decoder import DecoderDied, Decoders, open_decoders
from worker.verdict import NotSound, Sound

SIDE = 5000
"""Pixels a side of a picture that takes some 100 MB to decode."""
SLOW_SIDE = 7000
"""Pixels a side of one that takes most of a second, and as many pixels as may be."""
NO_AWS = "http://127.0.0.1:9"
LITTLE_MEMORY = 128 * MIB
BIG: dict[str, tuple[str, str, dict[str, Any]]] = {
    "png": ("image/png", "PNG", {"compress_level": 1}),
    "jpeg_progressive": ("image/jpeg", "JPEG", {"progressive": True}),
    "webp": ("image/webp", "WEBP", {"method": 0}),
    "avif": ("image/avif", "AVIF", {"speed": 10}),
}


@cache
def big(name: str) -> tuple[bytes, str]:
    """A big picture and its media type."""
    content_type, kind, options = BIG[name]
    return encoded(Image.new("RGB", (SIDE, SIDE), RED), kind, **options), content_type


@cache
def slow() -> tuple[bytes, str]:
    """A picture that keeps a decoder busy."""
    return encoded(Image.new("RGB", (SLOW_SIDE, SLOW_SIDE), RED), "PNG", compress_level=1), "image/png"


def small() -> tuple[bytes, str]:
    """A picture that is nothing to a decoder."""
    return jpeg_progressive().data, "image/jpeg"


@pytest.fixture(scope="module")
def settings() -> Settings:
    """Decoders know nothing of AWS."""
    return settings_at(NO_AWS)


async def busy(pids: set[int]) -> int:
    """The process that is decoding, as soon as one has worked for a moment."""
    before = {pid: cpu_ticks(pid) for pid in pids}

    async def working() -> int:
        return next((pid for pid in pids if cpu_ticks(pid) > before[pid] + 5), 0)

    found: int = await until(working, pause=0.005)
    return found


@pytest.fixture
async def two(settings: Settings) -> Any:
    """Two slots, both with a process in it."""
    async with open_decoders(settings, VARIANTS) as decoders:
        await asyncio.gather(*(decoders.decode(*small()) for _ in range(2)))
        assert len(decoder_pids()) == 2
        yield decoders


async def test_a_crash_costs_one_image(two: Decoders) -> None:
    """The other slot goes on with its own, and the next image gets a new process."""
    pids = decoder_pids()
    lost = asyncio.create_task(two.decode(*slow()))
    victim = await busy(pids)
    other = asyncio.create_task(two.decode(*small()))
    kill(victim)
    with pytest.raises(DecoderDied) as error:
        await lost
    assert error.value.code == "decoder_crashed"
    assert isinstance(await other, Sound)
    nexts = await asyncio.gather(*(two.decode(*small()) for _ in range(2)))
    assert all(isinstance(one, Sound) for one in nexts)
    assert len(decoder_pids()) == 2
    assert decoder_pids() & pids == pids - {victim}


async def test_a_process_that_died_while_it_had_nothing_to_do_is_replaced(two: Decoders) -> None:
    """As when the system takes its memory back; at most the image that comes upon it has to be tried again."""
    pids = decoder_pids()
    kill(*pids)
    await asyncio.gather(*(two.decode(*small()) for _ in range(2)), return_exceptions=True)
    nexts = await asyncio.gather(*(two.decode(*small()) for _ in range(4)))
    assert all(isinstance(one, Sound) for one in nexts)
    assert not decoder_pids() & pids


async def patiently(decoders: Decoders) -> Sound | NotSound:
    """Decode a small picture in so little time as a test gives to a slow one; a busy machine may need some tries."""
    for _ in range(20):
        with suppress(DecoderDied):
            return await decoders.decode(*small())
    raise AssertionError("no small picture was decoded in time")


async def test_an_image_that_takes_too_long_is_given_up(settings: Settings) -> None:
    """Its process is ended; the next image is not affected."""
    async with open_decoders(replace(settings, decoders=1, decode_seconds=0.3), VARIANTS) as decoders:
        await patiently(decoders)
        pids = decoder_pids()
        async with asyncio.timeout(60):
            with pytest.raises(DecoderDied) as error:
                await decoders.decode(*slow())
            assert error.value.code == "decode_timeout"
            await ended(*pids)
        assert isinstance(await patiently(decoders), Sound)


async def test_a_hanging_process_is_given_up(settings: Settings) -> None:
    """One that does not even read what it gets."""
    async with open_decoders(replace(settings, decoders=1, decode_seconds=0.5), VARIANTS) as decoders:
        await patiently(decoders)
        (pid,) = decoder_pids()
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(60):
            with pytest.raises(DecoderDied):
                await decoders.decode(*slow())
            await ended(pid)


GARBLER = """
import sys, time
sys.path[:0] = {path!r}
from worker.protocol import frame
out = sys.stdout.buffer
out.write(frame({{"unfiltered": ""}})); out.flush()
sys.stdin.buffer.read(100)
{misdeed}
time.sleep(600)
"""
MISDEEDS = {"garbage": "out.write(b'x' * 100); out.flush()", "closed": "import os; os.close(1)"}


@pytest.mark.parametrize("misdeed", MISDEEDS)
async def test_a_process_that_answers_nonsense_and_lives_on_is_given_up(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misdeed: str
) -> None:
    """As one may that an image has got into its power; it must not hold its slot for ever."""
    garbler, program = tmp_path / "garbler.py", tmp_path / "python"
    garbler.write_text(GARBLER.format(path=sys.path, misdeed=MISDEEDS[misdeed]))
    # By way of a shell: a path with a space in it cannot stand behind "#!".
    program.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(garbler))}\n")
    program.chmod(0o700)
    async with open_decoders(replace(settings, decoders=1, decode_seconds=1), VARIANTS) as decoders:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(program))
            async with asyncio.timeout(60):
                with pytest.raises(DecoderDied):
                    await decoders.decode(*small())
        assert isinstance(await patiently(decoders), Sound)


async def test_a_decode_that_nobody_waits_for_any_more_ends(two: Decoders) -> None:
    """And gives its slot back."""
    pids = decoder_pids()
    task = asyncio.create_task(two.decode(*slow()))
    victim = await busy(pids)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ended(victim)
    nexts = await asyncio.gather(*(two.decode(*small()) for _ in range(4)))
    assert all(isinstance(one, Sound) for one in nexts)


@pytest.mark.parametrize("name", BIG)
async def test_an_image_beyond_the_memory_of_a_decoder_is_not_judged(settings: Settings, name: str) -> None:
    """Want of memory says nothing about the image: a rejection would destroy a sound one for good."""
    async with open_decoders(replace(settings, decoders=1, decoder_memory=LITTLE_MEMORY), VARIANTS) as decoders:
        with pytest.raises(DecoderDied) as error:
            await decoders.decode(*big(name), pixels=SIDE * SIDE)
        assert error.value.code == "decoder_out_of_memory"
        assert isinstance(await decoders.decode(*small()), Sound)


async def test_little_memory_excuses_no_broken_image(settings: Settings) -> None:
    """What cannot be decoded with any memory is still rejected."""
    async with open_decoders(replace(settings, decoders=1, decoder_memory=LITTLE_MEMORY), VARIANTS) as decoders:
        for bad in ONLY_DECODING_TELLS.values():
            verdict = await decoders.decode(bad.data, bad.content_type)
            assert isinstance(verdict, NotSound), bad
            assert verdict.code == "corrupt_image"


async def test_a_broken_image_of_as_many_pixels_as_may_be_is_rejected(settings: Settings) -> None:
    """At once, also by a process that has had a big one before: the usual memory suffices for any that is allowed."""
    bad = (
        (png_claiming(SLOW_SIDE, SLOW_SIDE), "image/png"),
        (vp8_claiming(SLOW_SIDE, SLOW_SIDE), "image/webp"),
        (gif_of(SLOW_SIDE, SLOW_SIDE, 1, patch=(SLOW_SIDE, SLOW_SIDE)), "image/gif"),
    )
    async with open_decoders(replace(settings, decoders=1), VARIANTS) as decoders:
        assert isinstance(await decoders.decode(*slow()), Sound)
        for data, content_type in bad:
            verdict = await decoders.decode(data, content_type)
            assert isinstance(verdict, NotSound), content_type
            assert verdict.code == "corrupt_image"


async def test_a_process_knows_nothing_and_may_do_nothing(two: Decoders, settings: Settings) -> None:
    """No credentials in its environment, no socket, no file to write, bounded memory, no way to more rights."""
    assert os.environ["AWS_SECRET_ACCESS_KEY"]
    for pid in decoder_pids():
        proc = Path(f"/proc/{pid}")
        environment = (proc / "environ").read_bytes().split(b"\0")
        assert {entry.partition(b"=")[0] for entry in environment if entry} == {b"PYTHONPATH", b"PILLOW_BLOCKS_MAX"}
        opened = {file.name: str(file.readlink()) for file in (proc / "fd").iterdir()}
        assert opened.pop("3") == f"/proc/{pid}/statm"
        assert set(opened) == {"0", "1", "2"}
        assert all(target.startswith("pipe:") for target in opened.values()), opened
        limits = {line[:25].strip(): line[26:46].strip() for line in (proc / "limits").read_text().splitlines()}
        for name in ("Max file size", "Max core file size", "Max open files", "Max processes"):
            assert limits[name] == "0"
        assert int(limits["Max address space"]) == settings.decoder_memory
        assert int(limits["Max cpu time"]) <= settings.decode_seconds + 2
        status = (proc / "status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status


async def test_images_that_come_one_by_one_share_a_process(settings: Settings) -> None:
    """None of them waits for the start of another that is not needed."""
    async with open_decoders(settings, VARIANTS) as decoders:
        for _ in range(3):
            assert isinstance(await decoders.decode(*small()), Sound)
        assert len(decoder_pids()) == 1


async def test_what_else_is_installed_is_not_loaded(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """thash takes numpy where it finds it, which then takes the memory that is meant for images."""
    (tmp_path / "numpy.py").write_text("raise SystemExit(1)")
    monkeypatch.syspath_prepend(tmp_path)
    async with open_decoders(settings, VARIANTS) as decoders:
        assert isinstance(await decoders.decode(*small()), Sound)


async def test_all_processes_end_with_the_context(settings: Settings) -> None:
    """Also the one that is decoding."""
    async with open_decoders(settings, VARIANTS) as decoders:
        await asyncio.gather(*(decoders.decode(*small()) for _ in range(2)))
        pids = decoder_pids()
        task = asyncio.create_task(decoders.decode(*slow()))
        await busy(pids)
        task.cancel()
    await asyncio.wait([task])
    await ended(*pids)
    assert decoder_pids() == set()
