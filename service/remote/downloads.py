"""Bytes of images, whole and checked, or not at all."""

import asyncio
import hashlib
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import IO

from service.remote.calls import Calls
from service.remote.errors import Damaged, ImagesError
from service.remote.requests import path_of
from service.remote.sending import Progress

CHUNK = 64 * 1024


async def fetch(calls: Calls, image_id: str, variant: str, file: IO[bytes], progress: Progress | None = None) -> int:
    """Write the bytes into an empty file; how many they are.

    :raises Damaged: they are not those that were uploaded; of a variant, nothing is known to compare with.
    :raises OSError: the file cannot be written.
    """
    expected = (await calls.image("GET", path_of(image_id))).sha256 if variant == "original" else None

    async def once() -> int:
        done = 0
        file.seek(0)
        file.truncate()
        digest = hashlib.sha256()
        try:
            async with calls.transport.open(f"{path_of(image_id)}/content", {"variant": variant}) as answer:
                async for chunk in answer.content.iter_chunked(CHUNK):
                    digest.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
                    done += len(chunk)
                    if progress:
                        progress(len(chunk))
        except ImagesError:
            if progress:
                progress(-done)
            raise
        if expected and digest.hexdigest() != expected:
            raise Damaged(f"The bytes of image {image_id} that came are not those that were uploaded.")
        return done

    return await calls.retries.run(once)


async def fetch_to(calls: Calls, image_id: str, variant: str, target: Path, progress: Progress | None) -> int:
    """As `fetch`, into a file of that name, which appears when it is whole."""
    place = Path(os.path.realpath(target))  # what a link leads to is replaced, not the link
    part = place.with_name(f".cloud-images-{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            size = await fetch(calls, image_id, variant, file, progress)
        part.replace(place)
    except OSError as error:
        # A name that nobody has given says nothing to anybody.
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        with suppress(OSError):
            part.unlink()
    return size
