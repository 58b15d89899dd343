"""The commands that show and change images: `list`, `show`, `tag`, `delete`, `usage`."""

import json
import sys
from typing import Annotated, Any

import typer

from service.cli.asking import Ask, Mistake, asks, each
from service.cli.plain import many, on_terminal, size_of

AsJson = Annotated[bool, typer.Option("--json", help="What the API says, a line of JSON for each image.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of images.")]


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
async def tag(
    ask: Ask,
    ids: Ids,
    add: Annotated[list[str] | None, typer.Option(help="Tags to add; several with commas, or --add again.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Tags to take away.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--set", help="Tags instead of those there are; '' for none.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Another title; '' for none.")] = None,
    as_json: AsJson = False,
) -> int:
    """Change the tags and the title of images that are ready.

    Example: cloud-images tag 0199a1f0-1234-7abc-8def-0123456789ab --add night,space --remove draft
    """
    from service.cli.shown import labels_of
    from service.client import Image, VersionMismatch
    from service.remote.content import tags_of

    if title is None and not (add or remove or only is not None):
        raise Mistake("There is nothing to change: give --add, --remove, --set or --title.")

    def tags_for(image: Image) -> list[str]:
        old = image.tags if only is None else tags_of(only)
        gone = set(tags_of(remove or ()))
        return list(tags_of([one for one in (*old, *(add or ())) if one not in gone]))

    async with ask() as client:

        async def one(image_id: str) -> None:
            changes: dict[str, Any] = {} if title is None else {"title": title}
            while True:
                image = await client.get(image_id)
                if add or remove or only is not None:
                    changes["tags"] = tags_for(image)
                try:
                    image = await client.edit(image_id, **changes, if_match=image.version)
                    break
                except VersionMismatch:
                    continue  # someone else has edited it meanwhile, whose tags are not to be lost
            print(json.dumps(image.raw) if as_json else labels_of(image))

        return await each(ids, one)


@asks
async def delete(
    ask: Ask,
    ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Delete images for ever; one that is not there is no mistake.

    Example: cloud-images delete --yes 0199a1f0-1234-7abc-8def-0123456789ab
    """
    if not yes:
        if not on_terminal(sys.stdin):
            raise Mistake("Say with --yes that they are to be deleted: there is no terminal to ask on.")
        if not typer.confirm(f"Delete {many(len(set(ids)), 'image')} for ever?", err=True):
            return 1
    async with ask() as client:

        async def one(image_id: str) -> None:
            await client.delete(image_id)
            print(f"deleted  {image_id}", flush=True)

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
