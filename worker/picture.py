"""One image: the complete decode and what is derived from it. Runs in the decoder process only."""

import base64
import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import thash
from PIL import (
    AvifImagePlugin,
    Image,
    ImageCms,
    ImageSequence,
    MpoImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

FORMATS = {
    "image/jpeg": ("JPEG",),  # its plugin hands what turns out to be an MPO on
    "image/png": ("PNG",),
    "image/gif": ("GIF",),
    "image/webp": ("WEBP",),
    "image/avif": ("AVIF",),
}
PLACEHOLDER_SIDE = 32
"""Pixels a side that ThumbHash gets to see: it keeps at most seven waves a side, and more pixels only cost time."""
REDUCING_GAP = 1.9
"""How many times larger than wanted a picture stays that is first reduced by a whole factor, which is cheap. Just below
2, so that photos of 12 megapixels are halved; from a full resampling their previews then differ by 52 dB of PSNR, a
tenth of what WebP changes."""
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
NO_EXIF = (SyntaxError, struct.error, TypeError, ValueError, LookupError, ArithmeticError)
"""What reading EXIF raises that is junk: no header, cut off, values that are no numbers, none or infinite. Pillow
catches such where it reads the resolution (`JpegImagePlugin`). Not ImportError: then what reads EXIF is missing."""
WEBP_QUALITY, WEBP_METHOD = 80, 4
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
        largest = _first_frame(image, max(bounds.variants.values()))
        if pictures > 1:
            for frame in ImageSequence.Iterator(image):
                frame.load()

    variants = {}
    for name, side in sorted(bounds.variants.items(), key=lambda item: -item[1]):
        largest = _fit(largest, side)
        variants[name] = (*largest.size, _webp(largest))
    return Derived(width, height, frames, _placeholder(largest), variants)


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


def _first_frame(image: Image.Image, side: int) -> Image.Image:
    """The decoded frame, no larger than it need be, in 8 bits a channel of sRGB, with or without alpha."""
    frame = image
    if frame.mode.startswith("I;16") or frame.mode in ("I", "F"):
        frame = _eight_bits(frame)
    if frame.mode in ("P", "PA"):
        frame = frame.convert("RGBA" if frame.mode == "PA" or "transparency" in frame.info else "RGB")
    elif frame.mode == "LA" or "transparency" in frame.info:
        frame = frame.convert("RGBA")
    elif frame.mode == "1":
        frame = frame.convert("L")
    frame = _in_srgb(_fit(frame, side), image.info.get("icc_profile"))
    turn = TURNS.get(_orientation(image))
    # A copy in any case: reading on in an animation changes the picture in place.
    return frame.transpose(turn) if turn is not None else frame.copy()


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except NO_EXIF:
        # All viewers overlook that, too.
        return 1


def _eight_bits(frame: Image.Image) -> Image.Image:
    """Sixteen bits of grey scaled down to eight; Pillow's own conversion would cut them off."""
    return frame.convert("I").point(lambda value: value / 256).convert("L")


def _in_srgb(frame: Image.Image, profile: bytes | None) -> Image.Image:
    alpha = frame.getchannel("A") if frame.mode == "RGBA" else None
    colour = frame.convert("RGB") if alpha else frame
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(colour, source, target, outputMode="RGB")
            colour = converted or colour
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            # A broken profile is no reason to refuse a picture that all viewers show without it.
            pass
    if colour.mode != "RGB":
        colour = colour.convert("RGB")
    if alpha:
        colour.putalpha(alpha)
    return colour


def _fit(frame: Image.Image, side: int) -> Image.Image:
    """The frame within a square of `side` pixels, never enlarged."""
    if max(frame.size) <= side:
        return frame
    scale = side / max(frame.size)
    size = tuple(max(1, round(length * scale)) for length in frame.size)
    return frame.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP)


def _webp(frame: Image.Image) -> bytes:
    out = io.BytesIO()
    frame.save(out, "WEBP", quality=WEBP_QUALITY, method=WEBP_METHOD, exif=b"", icc_profile=b"")
    return out.getvalue()


def _placeholder(frame: Image.Image) -> str:
    small = _fit(frame, PLACEHOLDER_SIDE).convert("RGBA")
    # By name: where numpy happens to be installed the other way is taken, which does not read bytes.
    return base64.b64encode(bytes(thash.rgba_to_thumb_hash_pure(*small.size, small.tobytes()))).decode()
