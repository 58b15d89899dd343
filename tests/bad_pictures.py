"""What must be refused, in groups by what gives it away; each is a dict from a readable name to a `Bad`.

`BAD` holds them all. Importing generates nothing: bytes are made when `data` is first read, the same bytes
each time.
"""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from PIL import Image

from tests import pictures
from tests.pictures import (
    MOST_FRAMES,
    TINY,
    Picture,
    apng_of,
    avif_of,
    gif_of,
    noise,
    png_chunk,
    png_file,
    webp_animation,
    webp_of,
)

HUGE = 50_000
_GIF_SCREEN = 19  # bytes before the first frame of what `gif_of` makes
SCRIPT = b"<html><script>alert(1)</script></html>"


@dataclass(frozen=True)
class Bad:
    """Bytes that are no sound picture, and the media type that they are declared as; `str()` is its name."""

    name: str
    content_type: str
    make: Callable[[], bytes] = field(repr=False, compare=False)

    @cached_property
    def data(self) -> bytes:
        return self.make()

    def __str__(self) -> str:
        return self.name


Content = bytes | Callable[[], bytes]


def _maker(content: Content) -> Callable[[], bytes]:
    return content if callable(content) else lambda: content


def _group(*members: tuple[str, str, Content]) -> dict[str, Bad]:
    return {name: Bad(name, f"image/{subtype}", _maker(content)) for name, subtype, content in members}


# Not a picture, or not of an allowed format

_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'


def _other(kind: str) -> Callable[[], bytes]:
    return lambda: pictures.encoded(Image.new("RGB", (16, 16), pictures.RED), kind)


_FOREIGN: dict[str, tuple[str, Content]] = {
    "svg": ("image/svg+xml", _SVG),
    "svg_with_prolog": ("image/svg+xml", b'\xef\xbb\xbf<?xml version="1.0"?>\n<!DOCTYPE svg>\n' + _SVG),
    "text": ("text/plain", b"This is not a picture. " * 50),
    "html": ("text/html", b"<!doctype html>" + SCRIPT),
    "pdf": (
        "application/pdf",
        b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n",
    ),
    "zip": ("application/zip", b"PK\x05\x06" + bytes(18)),
    "dicom": ("application/dicom", SCRIPT.ljust(128) + b"DICM" + bytes(64)),
    "psd": ("image/vnd.adobe.photoshop", struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 16, 16, 8, 3) + bytes(12)),
    "heic": ("image/heic", struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(64)),
    "bmp": ("image/bmp", _other("BMP")),
    "tiff": ("image/tiff", _other("TIFF")),
    "ico": ("image/x-icon", _other("ICO")),
    "jpeg_2000": ("image/jp2", _other("JPEG2000")),
}


# Declared honestly: the media type alone is reason enough.
FOREIGN = {name: Bad(name, declared, _maker(content)) for name, (declared, content) in _FOREIGN.items()}

# Declared as an allowed type, but the bytes begin like something else.
DISGUISED = _group(
    *((f"{name}_as_png", "png", bad.make) for name, bad in FOREIGN.items()),
    ("heic_as_avif", "avif", FOREIGN["heic"].make),
    ("wave_as_webp", "webp", b"RIFF\x24\0\0\0WAVEfmt " + bytes(28)),
    ("jpeg_as_png", "png", lambda: pictures.jpeg().data),
    ("png_as_jpeg", "jpeg", lambda: pictures.png().data),
    ("webp_as_gif", "gif", lambda: pictures.webp().data),
    ("gif_as_webp", "webp", lambda: pictures.gif().data),
    ("jpeg_as_avif", "avif", lambda: pictures.jpeg().data),
    ("avif_as_webp", "webp", lambda: pictures.avif().data),
    ("space_before_png", "png", lambda: b"\n" + pictures.png().data),
)

# Begin as a picture might, and go on as something else.
SIGNATURE_ALONE = _group(
    ("gif89a_script", "gif", b"GIF89a" + SCRIPT),
    ("gif_script", "gif", b"GIF" + SCRIPT),
    ("gif_javascript", "gif", b"GIF=1;alert(1)//"),
    ("gif89a_javascript", "gif", b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)//"),
    ("bm_javascript", "jpeg", b"BM=1;alert(1)//"),
    ("jpeg_html", "jpeg", b"\xff\xd8\xff" + SCRIPT),
    ("png_script", "png", b"\x89PNG" + SCRIPT),
    ("png_signature_script", "png", b"\x89PNG\r\n\x1a\n" + SCRIPT),
    ("webp_script", "webp", b"RIFF" + struct.pack("<I", 4 + len(SCRIPT)) + b"WEBP" + SCRIPT),
    ("avif_script", "avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + SCRIPT),
)

# End before the picture has begun.
NOTHING_BEHIND = _group(
    ("empty", "png", b""),
    ("jpeg_signature", "jpeg", b"\xff\xd8\xff"),
    ("png_signature", "png", b"\x89PNG\r\n\x1a\n"),
    ("gif_signature", "gif", b"GIF89a"),
    ("webp_signature", "webp", b"RIFF\0\0\0\0WEBP"),
    ("avif_signature", "avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"),
)


# More pixels than memory, in about a hundred bytes


def png_claiming(width: int, height: int, depth: int = 8, interlace: int = 0) -> bytes:
    """A PNG with this header, and a few bytes of pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, interlace)
    return png_file((b"IHDR", header), (b"IDAT", zlib.compress(bytes(64))))


def jpeg_claiming(width: int, height: int) -> bytes:
    """A JPEG of 1 × 1 whose frame header says otherwise."""
    return TINY["image/jpeg"].data.replace(bytes.fromhex("08 0001 0001"), struct.pack(">BHH", 8, height, width))


def vp8_claiming(width: int, height: int) -> bytes:
    """A lossy WebP of 1 × 1 whose key frame says otherwise; at most 16383 each way."""
    start = bytes.fromhex("9d012a")
    return TINY["image/webp"].data.replace(start + b"\1\0\1\0", start + struct.pack("<HH", width, height))


def vp8l_claiming(width: int, height: int) -> bytes:
    """A lossless WebP with only a header; at most 16384 each way."""
    return pictures.riff((b"VP8L", b"\x2f" + struct.pack("<I", (height - 1) << 14 | (width - 1)) + bytes(8)))


def avif_claiming(width: int, height: int) -> bytes:
    """An AVIF of 1 × 1 whose spatial extents (`ispe`) say otherwise."""
    return TINY["image/avif"].data.replace(_ispe(1, 1), _ispe(width, height))


def _ispe(width: int, height: int) -> bytes:
    return struct.pack(">4sIII", b"ispe", 0, width, height)


TOO_MANY_PIXELS = _group(
    ("jpeg_huge", "jpeg", lambda: jpeg_claiming(HUGE, HUGE)),
    ("png_huge", "png", lambda: png_claiming(HUGE, HUGE)),
    ("gif_huge", "gif", lambda: gif_of(HUGE, HUGE, 1)),
    ("gif_all_frames_together", "gif", lambda: gif_of(1000, 1000, 100)),
    ("webp_huge", "webp", lambda: webp_of(HUGE, HUGE, 1)),
    ("webp_lossy_huge", "webp", lambda: vp8_claiming(16_383, 16_383)),
    ("webp_lossless_huge", "webp", lambda: vp8l_claiming(16_384, 16_384)),
    ("webp_all_frames_together", "webp", lambda: webp_of(1000, 1000, 100)),
    ("avif_huge", "avif", lambda: avif_claiming(HUGE, HUGE)),
)


# A small size for those who look once, and a huge one that some decoder believes


def _gif_then(second: bytes) -> bytes:
    """A GIF of two frames, 1 × 1 and the one of `second`."""
    return gif_of(1, 1, 1)[:-1] + second[_GIF_SCREEN:]


def _png_second_header() -> bytes:
    return png_claiming(16, 16)[:33] + png_claiming(HUGE, HUGE)[8:]


def _jpeg_second_frame() -> bytes:
    small, huge = jpeg_claiming(16, 16), jpeg_claiming(HUGE, HUGE)
    frame = small.index(b"\xff\xc0")
    return small[: frame + 19] + huge[frame:]


def _apng_frame_beyond() -> bytes:
    first = struct.pack(">IIIII", 0, 1, 1, 0, 0)
    second = struct.pack(">IIIIIHHBB", 1, HUGE, HUGE, 0, 0, 1, 25, 0, 0)
    whole = apng_of(2)
    start = whole.index(b"fcTL", whole.index(first)) - 4
    return whole[:start] + png_chunk(b"fcTL", second) + whole[start + 12 + len(second) :]


def _webp_frame_beyond() -> bytes:
    """The canvas is 1 × 1, and so says the frame's header; its bitstream says otherwise."""
    return webp_animation(1, 1, (1, 1, vp8l_claiming(16_384, 16_384)))


def _avif_other_extents_first() -> bytes:
    """The first `ispe` belongs to no picture."""
    decoy = struct.pack(">I", 20) + _ispe(1, 1)
    whole = bytearray(avif_claiming(HUGE, HUGE))
    for box in (b"meta", b"iprp", b"ipco"):
        _add(whole, whole.index(box) - 4, len(decoy))
    _add(whole, whole.index(b"iloc") + 18, len(decoy))
    whole[:] = whole.replace(bytes.fromhex("04 01 02 83 04"), bytes.fromhex("04 02 03 84 05"))
    properties = whole.index(b"ipco") + 4
    whole[properties:properties] = decoy
    return bytes(whole)


def _add(whole: bytearray, at: int, more: int) -> None:
    whole[at : at + 4] = (int.from_bytes(whole[at : at + 4]) + more).to_bytes(4)


def _avif_track() -> bytes:
    small, huge = (struct.pack(">II", width << 16, height << 16) for width, height in ((96, 64), (HUGE, HUGE)))
    return pictures.avif_animated().data.replace(small, huge)


HIDDEN_SIZE = _group(
    ("jpeg_second_frame_header", "jpeg", _jpeg_second_frame),
    ("png_second_header", "png", _png_second_header),
    ("apng_frame_beyond_its_canvas", "png", _apng_frame_beyond),
    ("gif_frame_beyond_its_screen", "gif", lambda: gif_of(1, 1, 1, patch=(HUGE, HUGE))),
    ("gif_second_frame_beyond_its_screen", "gif", lambda: _gif_then(gif_of(1, 1, 1, patch=(HUGE, HUGE)))),
    ("webp_frame_beyond_its_canvas", "webp", _webp_frame_beyond),
    ("avif_other_extents_first", "avif", _avif_other_extents_first),
    ("avif_track", "avif", _avif_track),
)

TOO_MANY_FRAMES = _group(
    ("apng_frames", "png", lambda: apng_of(MOST_FRAMES + 1)),
    ("apng_claims_frames", "png", lambda: apng_of(2, claimed=MOST_FRAMES + 1)),
    ("apng_claims_all_frames", "png", lambda: apng_of(2, claimed=0xFFFFFFFF)),
    ("apng_claims_one_frame", "png", lambda: apng_of(1000, claimed=1)),
    ("gif_frames", "gif", lambda: gif_of(4, 4, MOST_FRAMES + 1)),
    ("webp_frames", "webp", lambda: webp_of(4, 4, MOST_FRAMES + 1)),
    (
        "avif_frames",
        "avif",
        lambda: avif_of([Image.new("L", (4, 4), n % 256) for n in range(MOST_FRAMES + 1)]),
    ),
)


# Headers that contradict themselves


def _png_bad_header_crc() -> bytes:
    whole = bytearray(pictures.png().data)
    whole[32] ^= 1
    return bytes(whole)


def _webp_with_riff_size(change: int) -> bytes:
    whole = pictures.webp().data
    return whole[:4] + struct.pack("<I", len(whole) - 8 + change) + whole[8:]


BROKEN_HEADER = _group(
    ("jpeg_zero_width", "jpeg", lambda: jpeg_claiming(0, 1)),
    ("jpeg_zero_height", "jpeg", lambda: jpeg_claiming(1, 0)),
    ("jpeg_no_frame", "jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9"),
    ("png_header_crc", "png", _png_bad_header_crc),
    ("png_zero_width", "png", lambda: png_claiming(0, 1)),
    ("png_zero_height", "png", lambda: png_claiming(1, 0)),
    ("png_depth", "png", lambda: png_claiming(1, 1, depth=3)),
    ("png_interlace", "png", lambda: png_claiming(1, 1, interlace=2)),
    ("png_header_not_first", "png", lambda: png_file((b"tEXt", b"a\0b")) + pictures.png().data[8:]),
    ("png_no_pixels", "png", lambda: pictures.png().data[:33] + png_chunk(b"IEND")),
    ("apng_no_frames", "png", lambda: apng_of(1, claimed=0)),
    ("gif_zero_width", "gif", lambda: gif_of(0, 1, 1, patch=(0, 1))),
    ("gif_zero_frame", "gif", lambda: gif_of(4, 4, 1, patch=(0, 0))),
    ("gif_no_frame", "gif", lambda: gif_of(4, 4, 0)),
    ("webp_riff_too_long", "webp", lambda: _webp_with_riff_size(+1000)),
    ("webp_riff_too_short", "webp", lambda: _webp_with_riff_size(-1000)),
    ("webp_no_frame", "webp", lambda: webp_of(4, 4, 0)),
    ("avif_zero_width", "avif", lambda: avif_claiming(0, 1)),
    ("avif_no_item", "avif", lambda: pictures.avif().data.replace(b"meta", b"free")),
)


# Cut off on the way


def _cut(picture: Callable[[], Picture], keep: Callable[[int], int]) -> Callable[[], bytes]:
    return lambda: picture().data[: keep(len(picture().data))]


TRUNCATED = _group(
    *(
        (f"{picture().name}_half", picture().content_type[6:], _cut(picture, lambda size: size // 2))
        for picture in (
            pictures.jpeg,
            pictures.jpeg_progressive,
            pictures.png,
            pictures.png_interlaced,
            pictures.apng,
            pictures.gif,
            pictures.gif_animated,
            pictures.webp,
            pictures.webp_lossless,
            pictures.webp_animated,
            pictures.avif,
            pictures.avif_animated,
        )
    ),
    # No JPEG here: without its last byte it still holds every pixel, and programs differ.
    *(
        (f"{picture().name}_but_one_byte", picture().content_type[6:], _cut(picture, lambda size: size - 1))
        for picture in (pictures.png, pictures.gif, pictures.webp, pictures.webp_lossless, pictures.avif)
    ),
)


# Broken inside


def _photo_png() -> tuple[bytes, bytes]:
    """A PNG of 160 × 120 in RGB, one IDAT: its header chunk's body, and its compressed pixels."""
    whole = pictures.encoded(pictures.photo(), "PNG")
    size = int.from_bytes(whole[33:37])
    return whole[16:29], whole[41 : 41 + size]


def _png_with(change: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    """The photo with changed compressed pixels, under a right CRC."""

    def make() -> bytes:
        header, pixels = _photo_png()
        return png_file((b"IHDR", header), (b"IDAT", change(pixels)))

    return make


def _unknown_filter(pixels: bytes) -> bytes:
    row = 1 + 3 * 160
    rows = bytearray(zlib.decompress(pixels))
    rows[60 * row] = 7
    return zlib.compress(rows)


def _overwritten(whole: bytes, at: int, size: int = 64) -> bytes:
    """With noise from `at` on, in which no byte is FF: in a JPEG that could begin a marker."""
    return whole[:at] + noise(size).replace(b"\xff", b"\xfe") + whole[at + size :]


def _apng_last_frame() -> bytes:
    whole = pictures.apng().data
    start = whole.rindex(b"fdAT") + 4
    size = int.from_bytes(whole[start - 8 : start - 4])
    pixels = _overwritten(whole[start : start + size], 40)
    return whole[: start - 8] + png_chunk(b"fdAT", pixels) + png_chunk(b"IEND")


def _one_bit_off(picture: Callable[[], Picture], before_end: int) -> Callable[[], bytes]:
    def make() -> bytes:
        whole = bytearray(picture().data)
        whole[-before_end] ^= 1
        return bytes(whole)

    return make


def _jpeg_without(marker: bytes) -> bytes:
    whole = pictures.jpeg_grayscale().data
    start = whole.index(marker)
    return whole[:start] + whole[start + 2 + int.from_bytes(whole[start + 2 : start + 4]) :]


def _jpeg_codes_overfull() -> bytes:
    whole = pictures.jpeg_grayscale().data
    lengths = whole.index(b"\xff\xc4") + 5
    return whole[:lengths] + b"\xff" * 16 + whole[lengths + 16 :]


def _webp_last_frame() -> bytes:
    sound = pictures.encoded(Image.new("RGB", (8, 8), pictures.RED), "WEBP")
    return webp_animation(8, 8, (8, 8, sound), (8, 8, vp8l_claiming(8, 8)))


def _avif_pixels_broken() -> bytes:
    whole = pictures.avif().data
    return _overwritten(whole, whole.index(b"mdat") + 4)


def _avif_last_frame() -> bytes:
    whole = pictures.avif_animated().data
    sizes = whole.index(b"stsz") + 16
    last = int.from_bytes(whole[sizes + 4 * 5 : sizes + 4 * 6])
    return _overwritten(whole, len(whole) - last, last)


_GIF_PIXEL, _GIF_UNKNOWN_CODE = bytes.fromhex("02 02 44 01 00"), bytes.fromhex("02 04 ff ff ff ff 00")

# Pillow shows these: only who checks the CRCs of a PNG finds out.
CHECKSUM_WRONG = _group(
    ("png_crc", "png", _one_bit_off(pictures.png, 13)),
    ("apng_crc", "png", _one_bit_off(pictures.apng, 13)),
)

# Every length and checksum of the file's structure is right; Pillow's full decode (all frames) refuses each.
ONLY_DECODING_TELLS = _group(
    ("jpeg_no_quantization", "jpeg", lambda: _jpeg_without(b"\xff\xdb")),
    ("jpeg_codes_overfull", "jpeg", _jpeg_codes_overfull),
    ("png_not_compressed", "png", _png_with(lambda pixels: noise(len(pixels)))),
    ("png_broken_in_the_middle", "png", _png_with(lambda pixels: _overwritten(pixels, len(pixels) // 2))),
    ("png_pixels_cut", "png", _png_with(lambda pixels: pixels[: len(pixels) // 2])),
    ("png_pixels_checksum", "png", _png_with(lambda pixels: pixels[:-1] + bytes([pixels[-1] ^ 1]))),
    ("png_unknown_filter", "png", _png_with(_unknown_filter)),
    ("png_too_few_rows", "png", lambda: png_claiming(100, 100)),
    ("apng_last_frame", "png", _apng_last_frame),
    ("gif_unknown_code", "gif", lambda: gif_of(4, 4, 1).replace(_GIF_PIXEL, _GIF_UNKNOWN_CODE)),
    ("gif_too_few_pixels", "gif", lambda: gif_of(40, 40, 1, patch=(40, 40))),
    ("gif_last_frame", "gif", lambda: _gif_then(gif_of(1, 1, 1).replace(_GIF_PIXEL, _GIF_UNKNOWN_CODE))),
    ("webp_pixels_cut", "webp", lambda: pictures.riff((b"VP8 ", pictures.webp().data[20:1500]))),
    ("webp_lossless_broken", "webp", lambda: _overwritten(pictures.webp_lossless().data, 100, 500)),
    ("webp_pixels_missing", "webp", lambda: vp8_claiming(1000, 1000)),
    ("webp_last_frame", "webp", _webp_last_frame),
    ("avif_broken", "avif", _avif_pixels_broken),
    ("avif_last_frame", "avif", _avif_last_frame),
)

BAD: dict[str, Bad] = {
    **FOREIGN,
    **DISGUISED,
    **SIGNATURE_ALONE,
    **NOTHING_BEHIND,
    **TOO_MANY_PIXELS,
    **HIDDEN_SIZE,
    **TOO_MANY_FRAMES,
    **BROKEN_HEADER,
    **TRUNCATED,
    **CHECKSUM_WRONG,
    **ONLY_DECODING_TELLS,
}
