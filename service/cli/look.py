"""The commands that show what there is: `list`, `show`, `usage`."""

import json
import sys
from typing import Annotated

import typer

from service.cli.asking import AsJson, Ask, Ids, asks
from service.cli.ending import each
from service.cli.plain import many, on_terminal, size_of


@asks
async def list_images(
    ask: Ask,
    limit: Annotated[int, typer.Option(min=1, help="Most images to list.")] = 50,
    everything: Annotated[bool, typer.Option("--all", help="List all there are.")] = False,
    status: Annotated[str | None, typer.Option(help="queued, ready, rejected or failed; else all but queued.")] = None,
    content_type: Annotated[str | None, typer.Option("--type", help="A media type, as image/png.")] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Created then or later, as 2026-01-31.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Created before then.")] = None,
    order: Annotated[str, typer.Option(help="desc: newest first; asc: oldest first.")] = "desc",
    as_json: AsJson = False,
) -> int:
    """List images: a table on a terminal, else a line for each with tabs between.

    Example: cloud-images list --tag holiday --from 2026-01-31
    """
    from service.cli.shown import line_of, table_of

    filters = {"status": status, "content_type": content_type, "tag": tag, "since": since, "until": until}
    async with ask() as client:
        found = client.list(limit=None if everything else limit, order=order, **filters)
        if not as_json and on_terminal(sys.stdout):
            table_of([image async for image in found])
            return 0
        async for image in found:
            print(json.dumps(image.raw) if as_json else line_of(image))
    return 0


@asks
async def show(
    ask: Ask,
    ids: Ids,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until it is ready or rejected.")] = 0.0,
    as_json: AsJson = False,
) -> int:
    """Show all that is known of images.

    Example: cloud-images show 0199a1f0-1234-7abc-8def-0123456789ab
    """
    from service.cli.shown import facts_of

    async with ask() as client:

        async def one(image_id: str) -> None:
            image = await (client.wait(image_id, wait) if wait else client.get(image_id))
            print(json.dumps(image.raw) if as_json else facts_of(image))

        return await each(ids, one)


@asks
async def usage(ask: Ask, as_json: Annotated[bool, typer.Option("--json", help="What the API says.")] = False) -> int:
    """Show how many images there are, how much they take up, and how much they may.

    Example: cloud-images usage
    """
    async with ask() as client:
        found = await client.usage()
    if as_json:
        print(json.dumps(found.raw))
        return 0
    quota = found.quota
    images = "no limit" if quota.images is None else f"of {quota.images:,}"
    taken = "no limit" if quota.bytes is None else f"of {size_of(quota.bytes)}"
    print(f"{many(found.images, 'image')} ({images}), {size_of(found.bytes)} ({taken})")
    return 0
