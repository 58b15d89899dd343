"""`cloud-images get`."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from service.cli.asking import Ask, Ids, asks
from service.cli.ending import Mistake, each
from service.cli.plain import plain, size_of
from service.images import EXTENSIONS

STDOUT = "-"


@asks
async def get(
    ask: Ask,
    ids: Ids,
    output: Annotated[
        str, typer.Option("--output", "-o", help="A file, a folder for ID.jpg and so on, or - for stdout.")
    ] = ".",
    variant: Annotated[str, typer.Option(help="original, or one that `show` names, as thumb.")] = "original",
) -> int:
    """Download images, and check that each is what was uploaded. A file is there whole or not at all.

    Example: cloud-images get 0199a1f0-1234-7abc-8def-0123456789ab --variant thumb -o thumb.webp
    """
    if not variant.isidentifier():  # which variants there are is the service's to say; but this becomes part of a path
        raise Mistake("--variant is original, or one that `show` names.")
    if not output:  # of a variable that is not set, mostly; to Path it is the folder where one is
        raise Mistake("The name behind --output is empty.")
    if output == STDOUT and sys.stdout is None:
        raise Mistake("stdout is closed.")
    folder = Path(output) if output != STDOUT and (Path(output).is_dir() or output.endswith("/")) else None
    if folder is None and len(set(ids)) > 1:
        raise Mistake(f"{output} is no folder, and there are several images to put into it.")
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    async with ask() as client:

        async def one(image_id: str) -> None:
            if output == STDOUT:
                data = await client.content(image_id, variant=variant)
                await asyncio.to_thread(sys.stdout.buffer.write, data)
                sys.stdout.buffer.flush()
                return
            target = Path(output)
            if folder:
                kind = "image/webp" if variant != "original" else (await client.get(image_id)).content_type
                name = image_id if variant == "original" else f"{image_id}-{variant}"
                target = folder / f"{name}.{EXTENSIONS.get(kind, 'bin')}"
            size = await client.download(image_id, target, variant=variant)
            print(f"{plain(target)}  {size_of(size)}", flush=True)

        return await each(ids, one)
