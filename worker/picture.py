"""One image: the complete decode and what is derived from it. Runs in the decoder process only."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import AvifImagePlugin, Image, ImageSequence, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin

from worker.frame import first_frame, fit, placeholder, webp

FORMATS = {
    "image/jpeg": ("JPEG",),  # its plugin hands what turns out to be an MPO on
    "image/png": ("PNG",),
    "image/gif": ("GIF",),
    "image/webp": ("WEBP",),
    "image/avif": ("AVIF",),
}
MOST_SCANS = 500
"""Scans of a JPEG; each may be a few bytes long and still pass over all of its pixels. Programs write about ten, and
libjpeg-turbo advises to stop at so many: https://libjpeg-turbo.org/pmwiki/uploads/About/TwoIssueswiththeJPEGStandard.pdf"""
SCAN = b"\xff\xda"

warnings.simplefilter("ignore")  # what plugins remark about metadata
warnings.simplefilter("error", Image.DecompressionBombWarning)

# In its cage the process can load nothing any more. It has these plugins, of which the one of TIFF reads EXIF, and
# the five of `preinit`.
LOADED = (AvifImagePlugin, MpoImagePlugin, TiffImagePlugin, WebPImagePlugin)
Image.preinit()
# There is a process for each core, and a cage lets none start threads.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class NotSound(Exception):
    """The image does not decode; `code` and `detail` become the reason of its rejection.

    `pixels` is how many its decoder had to make room for, as far as that was known.
    """

    def __init__(self, code: str, detail: str, pixels: int = 0) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.pixels = pixels


@dataclass(frozen=True, slots=True)
class Derived:
    """What came of an image: `variants` maps names to width, height and WebP bytes."""

    width: int
    height: int
    frames: int
    placeholder: str
    variants: dict[str, tuple[int, int, bytes]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What counts as sane, and the variants to make: name → side of the square it fits into."""

    max_pixels: int
    max_frames: int
    variants: dict[str, int]


def derive(data: bytes, content_type: str, bounds: Bounds) -> Derived:
    """Decode every frame of an image and derive placeholder and variants from its first.

    :raises NotSound: it does not decode completely, or is beyond the bounds after all.
    """
    # Two bytes that a scan begins with: chance puts them into as much metadata as fits some hundred times at most.
    if content_type == "image/jpeg" and (scans := data.count(SCAN)) > MOST_SCANS:
        raise NotSound("corrupt_image", f"The JPEG has {scans} scans.")
    Image.MAX_IMAGE_PIXELS = bounds.max_pixels
    size = [0, 0]
    with _judged(size), Image.open(io.BytesIO(data), formats=FORMATS[content_type]) as image:
        if content_type == "image/png":
            # Decoding alone overlooks wrong checksums of chunks, which other programs do not.
            Image.open(io.BytesIO(data), formats=FORMATS[content_type]).verify()
        size[:] = width, height = image.size
        # The further pictures of an MPO are not frames of the first.
        pictures = 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
        # An APNG's default image may be there only for those who know no animations: it is none of its frames.
        frames = pictures - bool(getattr(image, "default_image", False))
        if frames > bounds.max_frames:
            raise NotSound("too_many_frames", f"The animation has {frames} frames.")
        if width * height * frames > bounds.max_pixels:
            raise NotSound("too_many_pixels", f"The image has {width} × {height} × {frames} pixels.")
        image.load()
        largest = first_frame(image, max(bounds.variants.values()))
        if pictures > 1:
            for frame in ImageSequence.Iterator(image):
                frame.load()

    variants = {}
    for name, side in sorted(bounds.variants.items(), key=lambda item: -item[1]):
        largest = fit(largest, side)
        variants[name] = (*largest.size, webp(largest))
    return Derived(width, height, frames, placeholder(largest), variants)


@contextmanager
def _judged(size: list[int]) -> Iterator[None]:
    """Turns what decoders raise into `NotSound`; `size` is width and height as soon as they are known."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NotSound("too_many_pixels", str(error)) from None
    except (MemoryError, NotSound, ImportError, PermissionError):
        # The last two: something was not loaded, or the cage is too narrow. No image is rejected for that.
        raise
    except Exception as error:
        # Pillow's plugins raise nearly anything on bytes that are not what their header says.
        raise NotSound("corrupt_image", f"The image does not decode: {error}"[:300], size[0] * size[1]) from None
