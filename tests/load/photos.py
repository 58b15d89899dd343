"""JPEGs to upload: a photograph of tests/photos with the grain of a sensor, so that each byte carries something."""

import random
from functools import cache
from io import BytesIO

from PIL import Image

from tests.pictures import PHOTOS

GRAIN = 0.08
QUALITY = 90
TOLERANCE = 0.03
TRIES = 20
MEGAPIXELS_12 = (4000, 3000)
SOURCES = ("chelsea.png", "coffee.png", "rocket.jpg")


@cache
def jpeg(size: int) -> bytes:
    """A JPEG of `size` bytes at most, and at least 3 % less: its width is what makes the size."""
    width = 1000
    for _ in range(TRIES):
        made = _encoded(width, width * 3 // 4, SOURCES[0], 0)
        if size * (1 - TOLERANCE) <= len(made) <= size:
            return made
        width = round(width * (size * (1 - TOLERANCE / 2) / len(made)) ** 0.5)
    raise AssertionError(f"no width gives {size} bytes")


def photographs(count: int) -> list[bytes]:
    """So many different JPEGs of twelve megapixels, of some 3 MB each."""
    return [_encoded(*MEGAPIXELS_12, SOURCES[seed % len(SOURCES)], seed) for seed in range(count)]


def _encoded(width: int, height: int, source: str, seed: int) -> bytes:
    with Image.open(PHOTOS / source) as photo:
        large = photo.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    channels = [
        Image.frombytes("L", (width, height), random.Random(3 * seed + channel).randbytes(width * height))
        for channel in range(3)
    ]
    out = BytesIO()
    Image.blend(large, Image.merge("RGB", channels), GRAIN).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
