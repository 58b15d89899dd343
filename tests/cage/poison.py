"""Pictures whose headers are sound, and which cost a decoder as much as a file of 5 MB can make it cost."""

import struct
import zlib
from collections.abc import Callable

from PIL import Image

from tests.pictures import (
    MOST_BYTES,
    Picture,
    encoded,
    gif_of,
    noise,
    photo,
    png_chunk,
    png_file,
    swapped_profile,
    webp_animation,
)

SIDE = 7000
"""Pixels a side of what has nearly as many pixels as may be."""
BIG_SIDE = 4000
FRAMES, FRAME_SIDE = 900, 230
"""As many frames as may be, and pixels a side for just as many pixels of all."""
NEARLY_ALL = MOST_BYTES - 100_000

POISON: dict[str, Picture] = {}


def _poison(
    subtype: str, width: int = 160, height: int = 120, frames: int = 1
) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    def decorate(make: Callable[[], bytes]) -> Callable[[], bytes]:
        POISON[make.__name__] = Picture(make.__name__, f"image/{subtype}", width, height, frames, make=make)
        return make

    return decorate


@_poison("jpeg", SIDE, SIDE)
def jpeg_scans() -> bytes:
    """Each scan is 65 bytes, and passes over all blocks of 49 megapixels: ten minutes of CPU."""
    table = struct.pack(">HB16B", 20, 0x00, 1, *bytes(15)) + b"\0"  # code 0: no difference
    runs = struct.pack(">HB16B", 20, 0x10, 1, *bytes(15)) + b"\xe0"  # code 0: nothing in the next 16384 + n blocks
    blocks = (SIDE // 8) ** 2
    bits = ("0" + "1" * 14) * (blocks // 32767 + 1)
    codes = int(bits + "1" * (-len(bits) % 8), 2).to_bytes(-(-len(bits) // 8)).replace(b"\xff", b"\xff\0")
    head = (
        b"\xff\xd8\xff\xdb\0\x43\0"
        + b"\1" * 64
        + b"\xff\xc2"
        + struct.pack(">HBHHB", 11, 8, SIDE, SIDE, 1)
        + b"\1\x11\0"
        + b"\xff\xc4"
        + table
        + b"\xff\xc4"
        + runs
        + b"\xff\xda"
        + struct.pack(">HBBBBBB", 8, 1, 1, 0, 0, 0, 0)
        + bytes(blocks // 8 + 1)
    )
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 63, 0) + codes
    return head + scan * ((NEARLY_ALL - len(head)) // len(scan)) + b"\xff\xd9"


def _png(width: int, height: int, pixels: bytes, *chunks: tuple[bytes, bytes], interlace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlace)
    return png_file((b"IHDR", header), *chunks, (b"IDAT", pixels))


def _deflated(size: int, end: int) -> bytes:
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return compressor.compress(bytes(size)) + compressor.flush(end)


def _zeros(size: int) -> bytes:
    """So many zero bytes, compressed a thousandfold, as a zlib stream; made of equal pieces, for speed."""
    pieces = _deflated(1 << 20, zlib.Z_FULL_FLUSH) * (size >> 20) + _deflated(size & 0xFFFFF, zlib.Z_FINISH)
    return b"\x78\xda" + pieces + struct.pack(">HH", size % 65521, 1)


@_poison("png", SIDE, SIDE)
def png_flat() -> bytes:
    """49 megapixels in 48 KB."""
    return _png(SIDE, SIDE, _zeros((SIDE + 1) * SIDE))


@_poison("png", SIDE, SIDE)
def png_flat_interlaced() -> bytes:
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    sizes = ((-(-(SIDE - x) // dx), -(-(SIDE - y) // dy)) for x, y, dx, dy in passes)
    return _png(SIDE, SIDE, _zeros(sum((width + 1) * height for width, height in sizes)), interlace=1)


@_poison("png", 10, 10)
def png_more_pixels_than_it_has() -> bytes:
    """A gigabyte of them."""
    return _png(10, 10, _zeros(1 << 30))


def _png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    return _png(10, 10, zlib.compress(bytes(110)), *chunks)


@_poison("png", 10, 10)
def png_text() -> bytes:
    """A gigabyte of compressed text."""
    return _png_with((b"zTXt", b"a\0\0" + _zeros(1 << 30)))


@_poison("png", 10, 10)
def png_texts() -> bytes:
    """Each no larger than may be, and all of them more than memory."""
    text = _zeros((1 << 20) - 1)
    return _png_with(*((b"zTXt", b"a%d\0\0" % n + text) for n in range(3000)))


@_poison("png", 10, 10)
def png_profile() -> bytes:
    """A gigabyte of compressed ICC profile."""
    return _png_with((b"iCCP", b"a\0\0" + _zeros(1 << 30)))


@_poison("png", 10, 10)
def png_exif() -> bytes:
    """Directories that name each other in a circle, with as many entries as there may be."""
    entries = struct.pack("<HHII", 0x8769, 4, 1, 8) * 0xFFFF
    return _png_with((b"eXIf", b"II*\0" + struct.pack("<IH", 8, 0xFFFF) + entries + struct.pack("<I", 8)))


@_poison("png", 10, 10)
def png_xmp() -> bytes:
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + b"<tiff:Orientation>" * (NEARLY_ALL // 18)
    return _png_with((b"iTXt", text))


@_poison("png", FRAME_SIDE, FRAME_SIDE, FRAMES)
def apng_frames() -> bytes:
    """Every frame covers the canvas, is blended over it and then taken away again."""
    control = struct.pack(">IIIIHHBB", FRAME_SIDE, FRAME_SIDE, 0, 0, 1, 25, 2, 1)
    pixels = _zeros((4 * FRAME_SIDE + 1) * FRAME_SIDE)
    later = (
        png_chunk(b"fcTL", struct.pack(">I", 2 * n - 1) + control)
        + png_chunk(b"fdAT", struct.pack(">I", 2 * n) + pixels)
        for n in range(1, FRAMES)
    )
    return png_file(
        (b"IHDR", struct.pack(">IIBBBBB", FRAME_SIDE, FRAME_SIDE, 8, 6, 0, 0, 0)),
        (b"acTL", struct.pack(">II", FRAMES, 0)),
        (b"fcTL", struct.pack(">I", 0) + control),
        (b"IDAT", pixels),
        behind=later,
    )


@_poison("gif", FRAME_SIDE, FRAME_SIDE, FRAMES)
def gif_frames() -> bytes:
    still = encoded(Image.new("P", (FRAME_SIDE, FRAME_SIDE)), "GIF")
    start = still.index(b",\0\0\0\0")
    return still[:start] + still[start:-1] * FRAMES + b";"


@_poison("gif", 16, 16)
def gif_frame_far_away() -> bytes:
    whole = bytearray(encoded(Image.new("P", (16, 16)), "GIF"))
    start = whole.index(b",\0\0\0\0")
    whole[start + 1 : start + 5] = b"\x64\0\x64\0"
    return bytes(whole)


@_poison("gif", 4, 4)
def gif_no_colours() -> bytes:
    whole = bytearray(gif_of(4, 4, 1, patch=(4, 4)))
    whole[10] = 0
    return bytes(whole[:13] + whole[19:])


@_poison("webp", FRAME_SIDE, FRAME_SIDE, FRAMES)
def webp_frames() -> bytes:
    still = encoded(Image.new("RGB", (FRAME_SIDE, FRAME_SIDE)), "WEBP", lossless=True)
    return webp_animation(FRAME_SIDE, FRAME_SIDE, *[(FRAME_SIDE, FRAME_SIDE, still)] * FRAMES)


@_poison("webp", BIG_SIDE, BIG_SIDE)
def webp_flat() -> bytes:
    return encoded(Image.new("RGBA", (BIG_SIDE, BIG_SIDE)), "WEBP", lossless=True, method=0)


@_poison("webp")
def webp_exif() -> bytes:
    return encoded(photo(), "WEBP", exif=b"Exif\0\0II*\0" + struct.pack("<I", 8) + noise(NEARLY_ALL - 100_000))


@_poison("avif", BIG_SIDE, BIG_SIDE)
def avif_flat() -> bytes:
    """In as many tiles as there may be."""
    image = Image.new("RGB", (BIG_SIDE, BIG_SIDE))
    return encoded(image, "AVIF", speed=10, max_threads=1, tile_rows=6, tile_cols=6, autotiling=False)


@_poison("avif", 512, 512)
def avif_noise() -> bytes:
    image = Image.frombytes("RGB", (512, 512), noise(3 * 512 * 512))
    return encoded(image, "AVIF", speed=10, max_threads=1, quality=100, subsampling="4:4:4")


@_poison("jpeg")
def jpeg_profile() -> bytes:
    """Megabytes of it, with a sound beginning."""
    profile = bytearray(swapped_profile() + noise(4_000_000))
    profile[:4] = struct.pack(">I", len(profile))
    return encoded(photo(), "JPEG", icc_profile=bytes(profile))


def _of_colour_space(kind: bytes) -> Callable[[], bytes]:
    def make() -> bytes:
        return encoded(photo(), "JPEG", icc_profile=swapped_profile()[:16] + kind + swapped_profile()[20:])

    make.__name__ = f"jpeg_profile_{kind.decode().strip()}"
    return make


def _oriented(value: int) -> Callable[[], bytes]:
    def make() -> bytes:
        exif = Image.Exif()
        exif[0x0112] = value
        return encoded(photo(), "JPEG", exif=exif)

    make.__name__ = f"jpeg_orientation_{value}"
    return make


for _kind in (b"GRAY", b"CMYK", b"Lab ", b"abcd"):
    _poison("jpeg")(_of_colour_space(_kind))
for _value in (0, 9, 0xFFFF):
    _poison("jpeg")(_oriented(_value))
