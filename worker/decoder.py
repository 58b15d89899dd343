"""The isolated processes that decode: one a slot, spoken to over pipes, killed when over time, replaced when dead.

A crash or a hang costs that process and never the worker. Pipes work everywhere, also where multiprocessing's pools and
locks do not for want of shared memory (AWS Lambda).
"""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from service.settings import Settings
from worker.protocol import frame, header_length, read_header

log = logging.getLogger(__name__)

START_SECONDS = 30
END_SECONDS = 1
KEPT_BLOCKS = 4
"""Blocks of 16 MB of pixels that a process keeps for its next picture. To give one of 12 megapixels back to the system
and take it from there again costs a sixth of the whole."""


class DecoderDied(Exception):
    """The process crashed, ran out of memory or was over time; `code` and `detail` say which."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class DecoderUnavailable(Exception):
    """No process could be started, which says nothing about the image."""


@dataclass(frozen=True, slots=True)
class Sound:
    """An image that decodes completely; `variants` maps names to width, height and WebP bytes."""

    width: int
    height: int
    frames: int
    placeholder: str
    variants: dict[str, tuple[int, int, bytes]]


@dataclass(frozen=True, slots=True)
class NotSound:
    """An image that does not decode, and why."""

    code: str
    detail: str


class Decoders:
    """The slots."""

    def __init__(self, settings: Settings, variants: dict[str, int]) -> None:
        self._settings = settings
        self._bounds = {
            "max_pixels": settings.max_pixels,
            "max_frames": settings.max_frames,
            "variants": variants,
        }
        # The one used last is taken first: it runs already. The others start only when several are needed at once.
        self._slots: asyncio.LifoQueue[Process | None] = asyncio.LifoQueue()
        for _ in range(settings.decoders):
            self._slots.put_nowait(None)

    async def decode(self, data: bytes, content_type: str, pixels: int = 0) -> Sound | NotSound:
        """Decode one image, waiting for a free slot first.

        :param pixels: how many it says it has; an image is not rejected when memory for them was short.
        :raises DecoderDied: the process did not survive it or took too long.
        :raises DecoderUnavailable: there is no process to do it.
        """
        process = await self._slots.get()
        alive: Process | None = None
        try:
            if process is None or process.returncode is not None:
                process = await self._start()
            request = {
                "content_type": content_type,
                "pixels": pixels,
                "bounds": self._bounds,
                "seconds": self._settings.decode_seconds,
            }
            answer = await self._ask(process, frame(request, data))
            alive = process
        finally:
            if alive is None and process is not None:
                await _end(process)
            self._slots.put_nowait(alive)
        return answer

    async def _start(self) -> Process:
        # No credentials and no home; only where Python finds its modules, and on Lambda its own library.
        modules = os.pathsep.join(path or "." for path in sys.path)
        environment = {"PYTHONPATH": modules, "PILLOW_BLOCKS_MAX": str(KEPT_BLOCKS)}
        if libraries := os.environ.get("LD_LIBRARY_PATH"):
            environment["LD_LIBRARY_PATH"] = libraries
        memory = str(self._settings.decoder_memory)
        process: Process | None = None
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "worker.decoder_child", memory, stdin=PIPE, stdout=PIPE, env=environment
            )
            async with asyncio.timeout(START_SECONDS):
                await _read(process)
        except BaseException as error:
            if process is not None:
                await _end(process)
            if isinstance(error, (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError)):
                raise DecoderUnavailable(f"No decoder could be started: {error!r}") from error
            raise
        return process

    async def _ask(self, process: Process, request: bytes) -> Sound | NotSound:
        assert process.stdin is not None
        seconds = self._settings.decode_seconds
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(request)
                await process.stdin.drain()
                header, blobs = await _read(process)
        except TimeoutError:
            raise DecoderDied("decode_timeout", f"The image took more than {seconds:g} seconds to decode.") from None
        except (ConnectionError, asyncio.IncompleteReadError, ValueError, KeyError, TypeError):
            # One that talks nonsense may live on; `decode` ends it.
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), END_SECONDS)
            raise DecoderDied(
                "decoder_crashed", f"The decoder ended with {process.returncode} at this image."
            ) from None
        if header["verdict"] == "out_of_memory":
            raise DecoderDied("decoder_out_of_memory", "The image needs more memory than a decoder may use.")
        if header["verdict"] == "not_sound":
            return NotSound(header["code"], header["detail"])
        sizes = header["variants"].items()
        return Sound(
            width=header["width"],
            height=header["height"],
            frames=header["frames"],
            placeholder=header["placeholder"],
            variants={name: (*size, blob) for (name, size), blob in zip(sizes, blobs, strict=True)},
        )

    async def close(self) -> None:
        """End all processes."""
        while not self._slots.empty():
            if process := self._slots.get_nowait():
                await _end(process)


async def _read(process: Process) -> tuple[dict[str, Any], list[bytes]]:
    assert process.stdout is not None
    prefix = await process.stdout.readexactly(4)
    header = read_header(await process.stdout.readexactly(header_length(prefix)))
    return header, [await process.stdout.readexactly(length) for length in header["blobs"]]


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


@asynccontextmanager
async def open_decoders(settings: Settings, variants: dict[str, int]) -> AsyncIterator[Decoders]:
    """The slots; their processes start when they are first needed and end with the context."""
    decoders = Decoders(settings, variants)
    try:
        yield decoders
    finally:
        await decoders.close()
