"""`cloud-images upload`."""

import asyncio
import functools
from pathlib import Path
from typing import Annotated

import typer

from service.cli.asking import Ask, asks
from service.cli.ending import Mistake
from service.cli.interrupts import INTERRUPTED

STDIN = "-"


@asks
async def upload(
    ask: Ask,
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files, folders with --recursive, - for stdin.")],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Upload the images in folders, and in the folders in them.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="Title of each image.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Tag of each image; several with commas, or --tag again.")
    ] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", "-j", min=1, max=32, help="Uploads at once.")] = 4,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until each image is ready or rejected.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Upload as another image what was uploaded in the last 24 hours.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each file, and one for all.")] = False,
) -> int:
    """Upload images. Run again after an interruption, it goes on where it was: no image is stored twice.

    Exit code: 0 all is there, 1 some files are refused or failed, 2 the service cannot be used, 130 Ctrl-C.

    Example: cloud-images upload --recursive --wait --tag holiday photos/
    """
    from service.cli.aside import aside
    from service.cli.bars import Bars
    from service.cli.batch import Batch, Wanted
    from service.cli.found import find
    from service.cli.outcomes import Outcome, Summary
    from service.cli.sources import bytes_of
    from service.client import Retries

    found = await aside(functools.partial(find, files, recursive=recursive))
    if not (found.files or found.wrong):
        raise Mistake(f"There is no image in {', '.join(files)}.")
    wanted = Wanted(title, tuple(tag or ()), again, wait)
    interrupted = False

    async with ask() as client:
        with Bars(sum(map(_size, found.files))) as bars:

            def say(outcome: Outcome) -> None:
                if as_json:
                    print(outcome.as_json(), flush=True)
                elif outcome.kind != "unsent":
                    bars.say(outcome)

            batch = Batch(client, wanted, bars, say)
            for path, why in found.wrong.items():
                batch.add(Outcome(str(path), "failed", detail=why))
            for path in found.skipped:
                batch.add(Outcome(str(path), "skipped"), quiet=not as_json)
            try:
                await batch.look(len(found.files))
                client.retries = Retries(tries=8, seconds=600)
                await batch.run(found.files, bytes_of, concurrency)
            except asyncio.CancelledError:
                interrupted = True
            batch.unsent(found.files)
    summary = Summary(batch.outcomes, batch.sent, wait, interrupted)
    print(summary.as_json() if as_json else summary.as_text(), flush=True)
    if batch.stopped:
        raise batch.stopped
    return INTERRUPTED if interrupted else 0 if summary.all_done else 1


def _size(path: Path) -> int:
    return path.stat().st_size if str(path) != STDIN and path.exists() else 0
