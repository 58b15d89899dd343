"""Pillow alone: `python plain.py FILE…` decodes each file and derives the two variants. Prints seconds of CPU a file.

What a Pillow user would write: same sizes, filter and WebP settings as the worker, which halves large photos first.
"""

import io
import sys
import time
from pathlib import Path

from PIL import Image, ImageOps

SIDES = (1024, 256)


def derive(data: bytes) -> list[bytes]:
    """The two variants, the smaller one from the larger."""
    variants = []
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        for side in SIDES:
            image.thumbnail((side, side), Image.Resampling.LANCZOS)
            out = io.BytesIO()
            image.save(out, "WEBP", quality=80, method=4)
            variants.append(out.getvalue())
    return variants


def main() -> None:
    """All files; what importing costs does not count."""
    Image.preinit()
    begin = time.process_time()
    for name in sys.argv[1:]:
        derive(Path(name).read_bytes())
    print((time.process_time() - begin) / len(sys.argv[1:]))


if __name__ == "__main__":
    main()
