"""The isolated processes that decode: one a slot, spoken to over pipes, killed when over time, replaced when dead.

A crash or a hang costs that process and never the worker. Pipes work everywhere, also where multiprocessing's pools and
locks do not for want of shared memory (AWS Lambda).
"""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service import traces
from service.settings import Settings
from worker.child import Child
from worker.figures import NOBODY, Figures
from worker.protocol import frame
from worker.verdict import NotSound, OutOfMemory, Sound, most_bytes, read_verdict

log = logging.getLogger(__name__)


class DecoderDied(Exception):
    """The process crashed, ran out of memory or was over time; `code` and `detail` say which."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class DecoderUnavailable(Exception):
    """No process could be started, which says nothing about the image."""


class Decoders:
    """The slots."""

    def __init__(self, settings: Settings, variants: dict[str, int], figures: Figures = NOBODY) -> None:
        self._settings = settings
        self._figures = figures
        self._variants = variants
        self._bounds = {
            "max_pixels": settings.max_pixels,
            "max_frames": settings.max_frames,
            "variants": variants,
        }
        self._warned = False
        # The one used last is taken first: it runs already. The others start only when several are needed at once.
        self._slots: asyncio.LifoQueue[Child | None] = asyncio.LifoQueue()
        for _ in range(settings.decoders):
            self._slots.put_nowait(None)

    async def decode(self, data: bytes, content_type: str, pixels: int = 0) -> Sound | NotSound:
        """Decode one image, waiting for a free slot first.

        :param pixels: how many it says it has; an image is not rejected when memory for them was short.
        :raises DecoderDied: the process did not survive it or took too long.
        :raises DecoderUnavailable: there is no process to do it.
        """
        child = await self._slots.get()
        alive: Child | None = None
        try:
            if child is not None and not await child.is_at_rest():
                self._figures.decoder_died("decoder_crashed")
                await child.end()
                child = None
            if child is None:
                child = await self._start()
            # Nobody who has not read the request can answer it.
            request = {
                "id": secrets.token_hex(8),
                "content_type": content_type,
                "pixels": pixels,
                "bounds": self._bounds,
            }
            begin = time.perf_counter()
            # Without the wait for a slot: what one image took.
            with traces.span("decode"):
                verdict = await self._ask(child, request, data)
            self._figures.decoded(time.perf_counter() - begin)
            alive = child
        except DecoderDied as died:
            self._figures.decoder_died(died.code)
            raise
        finally:
            if alive is None and child is not None:
                await child.end()
            self._slots.put_nowait(alive)
        return verdict

    async def _start(self) -> Child:
        wanted = self._settings.decoder_seccomp
        try:
            child = await Child.start(self._settings.decoder_memory, filtered=wanted != "off")
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            raise DecoderUnavailable(f"No decoder could be started: {error!r}") from error
        if child.unfiltered and wanted == "required":
            await child.end()
            raise DecoderUnavailable(f"The system does not filter the calls of a decoder: {child.unfiltered}")
        if child.unfiltered and not self._warned:
            self._warned = True
            log.warning("decoders run without a filter of system calls, only with limits: %s", child.unfiltered)
        self._figures.decoder_started()
        return child

    async def _ask(self, child: Child, request: dict[str, object], data: bytes) -> Sound | NotSound:
        seconds = self._settings.decode_seconds
        try:
            async with asyncio.timeout(seconds):
                await child.ask(frame(request, data), seconds)
                header, blobs = await child.answer(most_bytes(self._variants))
            if header.get("id") != request["id"]:
                raise ValueError("the answer to another question")
            return read_verdict(header, blobs, self._variants)
        except TimeoutError:
            raise DecoderDied("decode_timeout", f"The image took more than {seconds:g} seconds to decode.") from None
        except OutOfMemory:
            raise DecoderDied("decoder_out_of_memory", "The image needs more memory than a decoder may use.") from None
        except (ConnectionError, EOFError, ValueError) as error:
            # One that talks nonsense may live on; `decode` ends it.
            returncode = await child.ended()
            # Not the error's repr: that of a UnicodeError has all that the process said, which may be the image.
            log.warning(
                "decoder process %d gave no answer (it ended with %s): %s: %s",
                *(child.pid, returncode, type(error).__name__, error),
            )
            raise DecoderDied("decoder_crashed", f"The decoder ended with {returncode} at this image.") from None

    async def close(self) -> None:
        """End all processes."""
        while not self._slots.empty():
            if child := self._slots.get_nowait():
                await child.end()


@asynccontextmanager
async def open_decoders(
    settings: Settings, variants: dict[str, int], figures: Figures = NOBODY
) -> AsyncIterator[Decoders]:
    """The slots; their processes start when they are first needed and end with the context."""
    decoders = Decoders(settings, variants, figures)
    try:
        yield decoders
    finally:
        await decoders.close()
