"""Can a picture be decoded here, and how safely?"""

import base64
from dataclasses import replace

from service.findings import Examination, warn, wrong
from service.settings import Settings
from service.storage.objects import VARIANTS
from worker.child import Child
from worker.decoder import DecoderDied, DecoderUnavailable, open_decoders
from worker.verdict import Sound

DECODER_SECONDS = 15.0
"""Two processes start one after the other, each with all of Pillow; on a busy machine that takes a while."""
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""


async def check_decoder(examination: Examination, settings: Settings) -> None:
    """Start one as the worker does, and let it decode a picture in its cage."""

    async def look() -> str:
        wanted = settings.decoder_seccomp
        try:
            child = await Child.start(settings.decoder_memory, filtered=wanted != "off")
            await child.end()
            async with open_decoders(replace(settings, decoders=1), VARIANTS) as decoders:
                verdict = await decoders.decode(PICTURE, "image/png")
        except (OSError, EOFError, ValueError, DecoderUnavailable, DecoderDied) as error:
            if wanted == "required" and isinstance(error, DecoderUnavailable):
                wrong(str(error), "run it on Linux with seccomp, or set DECODER_SECCOMP=auto")
            wrong(
                f"no picture can be decoded: {error}",
                "run: python -c 'import PIL._imaging, thash'; set DECODER_MEMORY_BYTES higher if it says MemoryError",
            )
        if not isinstance(verdict, Sound):
            wrong(f"a sound picture is rejected: {verdict.detail}", "install Pillow again (see constraints.txt)")
        if wanted == "off":
            warn("a picture was decoded, without a filter of system calls", "set DECODER_SECCOMP=auto or required")
        if child.unfiltered:
            warn(
                f"a picture was decoded; the system does not filter calls: {child.unfiltered}",
                "run the worker on Linux, x86-64 or ARM64, whose seccomp no container profile takes away",
            )
        return "a picture was decoded, its process held by limits and a filter of system calls"

    await examination.check("decoder", look, seconds=DECODER_SECONDS, late="see how busy this machine is, and DECODERS")
