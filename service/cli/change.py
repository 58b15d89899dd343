"""The commands that change what there is: `tag`, `delete`."""

import json
import sys
from typing import Annotated, Any

import typer

from service.cli.asking import AsJson, Ask, Ids, asks
from service.cli.ending import Mistake, each
from service.cli.interrupts import ending_at_once
from service.cli.plain import many, on_terminal


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
        with ending_at_once():
            sure = typer.confirm(f"Delete {many(len(set(ids)), 'image')} for ever?", err=True)
        if not sure:
            return 1
    async with ask() as client:

        async def one(image_id: str) -> None:
            await client.delete(image_id)
            print(f"deleted  {image_id}", flush=True)

        return await each(ids, one)
