"""How images look in a terminal."""

from typing import TYPE_CHECKING

from service.cli.plain import plain, size_of, time_of
from service.images import rfc3339

if TYPE_CHECKING:
    from service.client import Image

WIDE, NARROW = 105, 70
STYLES = {"ready": "green", "queued": "yellow", "rejected": "red", "failed": "red"}


def line_of(image: "Image") -> str:
    """One line with tabs between: id, status, type, bytes, width × height, time, file name, title, tags."""
    pixels = f"{image.width}x{image.height}" if image.width else ""
    words = [image.image_id, image.status, image.content_type, image.size, pixels, rfc3339(image.created_at)]
    return "\t".join(plain(one) for one in (*words, image.filename or "", image.title or "", ",".join(image.tags)))


def table_of(images: "list[Image]") -> None:
    """A table, as wide as the terminal. What there is no room for is left out, never cut, but for names."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    # Where not even these have room, the terminal breaks the lines.
    console = Console(highlight=False, width=max(console.width, NARROW))
    wide = console.width >= WIDE
    table = Table(box=None, pad_edge=False, expand=True, header_style="bold")
    table.add_column("id", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("size", no_wrap=True, justify="right")
    if wide:
        table.add_column("pixels", no_wrap=True, justify="right")
        table.add_column("created", no_wrap=True)
    table.add_column("name", no_wrap=True, overflow="ellipsis", ratio=1)
    for image in images:
        pixels = f"{image.width} × {image.height}" if image.width else ""
        table.add_row(
            image.image_id,
            Text(image.status, style=STYLES.get(image.status, "")),
            size_of(image.size),
            *((pixels, time_of(image.created_at)) if wide else ()),
            Text(plain(image.title or image.filename or "")),
        )
    console.print(table if images else "There are no images.")


def facts_of(image: "Image") -> str:
    """All that is known of an image, a line for each fact."""
    facts = {
        "id": image.image_id,
        "status": image.status,
        "reason": f"{image.reason.detail} ({image.reason.code})" if image.reason else None,
        "title": image.title,
        "tags": ", ".join(image.tags),
        "file name": image.filename,
        "type": image.content_type,
        "size": f"{size_of(image.size)} ({image.size:,} bytes)",
        "pixels": f"{image.width} × {image.height}" if image.width else None,
        "frames": image.frames if (image.frames or 1) > 1 else None,
        "sha-256": image.sha256,
        "created": time_of(image.created_at),
        "changed": time_of(image.updated_at) if image.version > 1 else None,
        "variants": ", ".join(f"{name} {one.width} × {one.height}" for name, one in image.variants.items()),
    }
    return "\n".join(f"{name:10}{plain(fact)}" for name, fact in facts.items() if fact) + "\n"


def labels_of(image: "Image") -> str:
    """One line: what can be edited."""
    return plain(f"{image.image_id}  {image.title or '(no title)'}  [{', '.join(image.tags)}]")
