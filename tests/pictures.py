"""Sound pictures for tests to upload: the photographs of tests/photos, and what phones and editors make.

`SOUND` lists them all. Importing generates nothing: a picture makes its bytes when `data` is first read,
the same bytes each time, and keeps them.
"""

import random
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageCms, ImageDraw

PHOTOS = Path(__file__).parent / "photos"
MOST_BYTES = 5 * 1024 * 1024
MOST_FRAMES = 900
RED, BLUE = (230, 20, 20), (20, 20, 230)


@dataclass(frozen=True)
class Picture:
    """One picture. Width and height are as its header has them, before orientation; `str()` is its name."""

    name: str
    content_type: str
    width: int
    height: int
    frames: int = 1
    make: Callable[[], bytes] = field(kw_only=True, repr=False, compare=False)

    @cached_property
    def data(self) -> bytes:
        return self.make()

    def __str__(self) -> str:
        return self.name


_sound: list[Picture] = []


def _picture(
    content_type: str, width: int, height: int, frames: int = 1
) -> Callable[[Callable[[], bytes]], Callable[[], Picture]]:
    """Decorate a maker of bytes: it becomes a function that returns its one picture, which joins `SOUND`."""

    def decorate(make: Callable[[], bytes]) -> Callable[[], Picture]:
        picture = Picture(make.__name__, content_type, width, height, frames, make=make)
        _sound.append(picture)
        return lambda: picture

    return decorate


# The stuff that pictures are made of


def noise(size: int, seed: int = 0) -> bytes:
    """`size` bytes that do not compress, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file that Pillow writes of `image`; `kind` is Pillow's name of the format."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png_chunk(kind: bytes, body: bytes = b"") -> bytes:
    """A PNG chunk with its length and its right CRC."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP file of these chunks, with their lengths and padding right."""
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def gif_of(width: int, height: int, frames: int, patch: tuple[int, int] = (1, 1)) -> bytes:
    """A GIF whose frames each claim `patch` pixels of its screen, but hold data for one."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, *patch, 0) + bytes.fromhex("02 02 44 01 00")
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(3) + b"\xff\xff\xff"
    return b"GIF89a" + screen + frame * frames + b";"


def webp_animation(width: int, height: int, *frames: tuple[int, int, bytes]) -> bytes:
    """An animated WebP of this canvas; a frame is the size that it claims and a still WebP without alpha."""
    canvas = b"\x02\0\0\0" + _u24(width - 1) + _u24(height - 1)
    moves = ((b"ANMF", bytes(6) + _u24(w - 1) + _u24(h - 1) + _u24(40) + b"\0" + still[12:]) for w, h, still in frames)
    return riff((b"VP8X", canvas), (b"ANIM", bytes(6)), *moves)


def webp_of(width: int, height: int, frames: int) -> bytes:
    """An animated WebP whose frames each hold one pixel."""
    still = encoded(Image.new("RGB", (1, 1), RED), "WEBP", lossless=True)
    return webp_animation(width, height, *[(1, 1, still)] * frames)


def apng_of(frames: int, claimed: int | None = None, *, hidden: bool = False) -> bytes:
    """An APNG of 1 × 1; its acTL claims `claimed` frames, or tells the truth.

    With `hidden` its default image is none of them.
    """
    control = struct.pack(">IIIIHHBB", 1, 1, 0, 0, 1, 25, 0, 0)
    pixels = zlib.compress(b"\0\x80")
    later = (
        png_chunk(b"fcTL", struct.pack(">I", 2 * n - 1 - hidden) + control)
        + png_chunk(b"fdAT", struct.pack(">I", 2 * n - hidden) + pixels)
        for n in range(1, frames + hidden)
    )
    return png_file(
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        (b"acTL", struct.pack(">II", frames if claimed is None else claimed, 0)),
        (b"tEXt", b"Title\0hidden") if hidden else (b"fcTL", struct.pack(">I", 0) + control),
        (b"IDAT", pixels),
        behind=later,
    )


def avif_of(frames: list[Image.Image]) -> bytes:
    """An AVIF image sequence of these frames."""
    first, *others = frames
    options = {"speed": 10, "max_threads": 1, "save_all": True, "append_images": others, "duration": 80}
    sequence = bytearray(encoded(first, "AVIF", **options))
    for box in (b"mvhd", b"tkhd", b"mdhd"):
        # Creation and modification time: libavif takes them from the clock.
        times = sequence.index(box) + 8
        sequence[times : times + 16] = bytes(16)
    return bytes(sequence)


def png_file(*chunks: tuple[bytes, bytes], behind: Iterable[bytes] = ()) -> bytes:
    """A PNG of these chunks, then the ready-made ones of `behind`, then IEND."""
    made = [png_chunk(kind, body) for kind, body in chunks]
    return b"".join([b"\x89PNG\r\n\x1a\n", *made, *behind, png_chunk(b"IEND")])


def _u24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


@cache
def photo() -> Image.Image:
    """chelsea.png, small, with no metadata."""
    with Image.open(PHOTOS / "chelsea.png") as photo:
        small = photo.convert("RGB").resize((160, 120))
    small.info.clear()
    return small


@cache
def _halves() -> Image.Image:
    """320 × 240: the left half red, the right half blue."""
    image = Image.new("RGB", (320, 240), RED)
    image.paste(BLUE, (160, 0, 320, 240))
    return image


def _with_alpha() -> Image.Image:
    image = photo().copy()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


@cache
def _moving(count: int = 6) -> list[Image.Image]:
    """A square that moves over a still background, so encoders store little more than the square."""
    frames = []
    for n in range(count):
        frame = photo().resize((96, 64)).quantize(64).convert("RGB")
        ImageDraw.Draw(frame).rectangle((10 * n, 20, 10 * n + 15, 35), fill=RED)
        frames.append(frame)
    return frames


def _animated(kind: str, **options: Any) -> bytes:
    first, *others = _moving()
    return encoded(first, kind, save_all=True, append_images=others, duration=80, loop=0, **options)


@cache
def swapped_profile() -> bytes:
    """An ICC profile of sRGB with the red and the blue primary exchanged: stored red is meant blue."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Without this the bytes would hold the time of day, and a digest of it.
    profile[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    profile[84:100] = bytes(16)
    red, blue = profile.index(b"rXYZ", 128), profile.index(b"bXYZ", 128)
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def _phone_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Phone"
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.IFD.GPSInfo] = {
        ExifTags.GPS.GPSLatitudeRef: "N",
        ExifTags.GPS.GPSLatitude: (52.0, 31.0, 12.0),
        ExifTags.GPS.GPSLongitudeRef: "E",
        ExifTags.GPS.GPSLongitude: (13.0, 24.0, 18.0),
    }
    return exif


# JPEG


@_picture("image/jpeg", 640, 427)
def jpeg() -> bytes:
    return (PHOTOS / "rocket.jpg").read_bytes()


@_picture("image/jpeg", 1000, 872)
def jpeg_hubble() -> bytes:
    return (PHOTOS / "hubble_deep_field.jpg").read_bytes()


@_picture("image/jpeg", 320, 240)
def jpeg_orientation_gps() -> bytes:
    """Orientation 6: to be shown upright as 240 × 320, red above blue."""
    return encoded(_halves(), "JPEG", quality=90, subsampling=0, exif=_phone_exif(6))


@_picture("image/jpeg", 160, 120)
def jpeg_progressive() -> bytes:
    return encoded(photo(), "JPEG", progressive=True)


@_picture("image/jpeg", 160, 120)
def jpeg_cmyk() -> bytes:
    return encoded(photo().convert("CMYK"), "JPEG")


@_picture("image/jpeg", 160, 120)
def jpeg_grayscale() -> bytes:
    return encoded(photo().convert("L"), "JPEG")


@_picture("image/jpeg", 160, 120)
def jpeg_restart_markers() -> bytes:
    return encoded(photo(), "JPEG", restart_marker_rows=1)


@_picture("image/jpeg", 160, 120)
def jpeg_fill_bytes() -> bytes:
    """Any marker may be led by more FF bytes (ITU T.81, B.1.1.2)."""
    return encoded(photo(), "JPEG").replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1)


@_picture("image/jpeg", 320, 240)
def jpeg_swapped_profile() -> bytes:
    """The left half is stored red and meant blue, the right half the other way round."""
    return encoded(_halves(), "JPEG", quality=90, subsampling=0, icc_profile=swapped_profile())


@_picture("image/jpeg", 160, 120)
def jpeg_cmyk_rgb_profile() -> bytes:
    """Its profile is for other colours than it has, so it cannot be applied."""
    return encoded(photo().convert("CMYK"), "JPEG", icc_profile=swapped_profile())


@_picture("image/jpeg", 160, 120)
def jpeg_junk_metadata() -> bytes:
    """Every pixel is sound; EXIF and profile are noise."""
    return encoded(photo(), "JPEG", exif=b"Exif\0\0" + noise(500, 1), icc_profile=noise(500, 2))


@_picture("image/jpeg", 320, 240)
def jpeg_large_metadata() -> bytes:
    """More than 200 KB before the frame header, with a whole smaller JPEG inside, as thumbnails are."""
    exif = _phone_exif(1)
    thumbnail = encoded(photo().resize((16, 12)), "JPEG")
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.MakerNote: thumbnail + noise(60_000)}
    profile = bytearray(swapped_profile() + noise(150_000))
    profile[:4] = struct.pack(">I", len(profile))
    return encoded(_halves(), "JPEG", exif=exif, icc_profile=bytes(profile))


@_picture("image/jpeg", 160, 120)
def jpeg_mpo() -> bytes:
    """Two pictures in one file; as a JPEG it is the first one."""
    return encoded(photo(), "MPO", save_all=True, append_images=[photo().rotate(180)])


@_picture("image/jpeg", 160, 120)
def jpeg_motion_photo() -> bytes:
    """A video behind the end of the picture, as phones store it."""
    video = bytes.fromhex("00000018") + b"ftypmp42\0\0\0\0isommp42"
    return encoded(photo(), "JPEG") + video + struct.pack(">I", 100_008) + b"mdat" + noise(100_000)


# PNG


@_picture("image/png", 451, 300)
def png() -> bytes:
    return (PHOTOS / "chelsea.png").read_bytes()


@_picture("image/png", 600, 400)
def png_coffee() -> bytes:
    return (PHOTOS / "coffee.png").read_bytes()


@_picture("image/png", 160, 120)
def png_rgba() -> bytes:
    return encoded(_with_alpha(), "PNG")


@_picture("image/png", 160, 120)
def png_gray_alpha() -> bytes:
    return encoded(_with_alpha().convert("LA"), "PNG")


@_picture("image/png", 160, 120)
def png_one_bit() -> bytes:
    return encoded(photo().convert("1"), "PNG")


@_picture("image/png", 256, 64)
def png_gray_16_bit() -> bytes:
    """From black at the left to white at the right."""
    row = b"".join(struct.pack("<H", 257 * x) for x in range(256))
    return encoded(Image.frombytes("I;16", (256, 64), row * 64), "PNG")


@_picture("image/png", 160, 120)
def png_palette_transparency() -> bytes:
    """Each of its 64 colours has an opacity of its own."""
    return encoded(photo().quantize(64), "PNG", transparency=bytes(range(0, 256, 4)))


@_picture("image/png", 160, 120)
def png_interlaced() -> bytes:
    """Adam7, in grey: Pillow reads it, but does not write it."""
    image = photo().convert("L")
    rows = [image.crop((0, y, 160, y + 1)).tobytes() for y in range(120)]
    passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]
    pixels = b"".join(b"\0" + row[x::dx] for x, y, dx, dy in passes for row in rows[y::dy])
    return png_file((b"IHDR", struct.pack(">IIBBBBB", 160, 120, 8, 0, 0, 0, 1)), (b"IDAT", zlib.compress(pixels)))


@_picture("image/png", 4000, 1)
def png_ribbon() -> bytes:
    """Fitted into 256 × 256 it would be less than one pixel high."""
    return encoded(Image.linear_gradient("L").rotate(90).resize((4000, 1)), "PNG")


@_picture("image/png", 96, 64, 6)
def apng() -> bytes:
    return _animated("PNG")


@_picture("image/png", 96, 64, 6)
def apng_hidden_default() -> bytes:
    """The default image is no part of the animation: a seventh picture, for programs that show no APNG."""
    return encoded(_moving()[0].rotate(180), "PNG", save_all=True, append_images=_moving(), default_image=True)


@_picture("image/png", 1, 1, MOST_FRAMES)
def apng_hidden_most_frames() -> bytes:
    """One picture more than there are frames."""
    return apng_of(MOST_FRAMES, hidden=True)


# GIF


@_picture("image/gif", 160, 120)
def gif() -> bytes:
    return encoded(photo().quantize(128), "GIF")


@_picture("image/gif", 96, 64, 6)
def gif_animated() -> bytes:
    """Frames after the first replace only a part of it."""
    return _animated("GIF")


@_picture("image/gif", 4, 4, MOST_FRAMES)
def gif_most_frames() -> bytes:
    return gif_of(4, 4, MOST_FRAMES)


# WebP


@_picture("image/webp", 160, 120)
def webp() -> bytes:
    return encoded(photo(), "WEBP", quality=80)


@_picture("image/webp", 160, 120)
def webp_lossless() -> bytes:
    return encoded(photo(), "WEBP", lossless=True)


@_picture("image/webp", 160, 120)
def webp_extended() -> bytes:
    """VP8X with alpha, an ICC profile and EXIF."""
    return encoded(_with_alpha(), "WEBP", icc_profile=swapped_profile(), exif=_phone_exif(1))


@_picture("image/webp", 96, 64, 6)
def webp_animated() -> bytes:
    return _animated("WEBP")


@_picture("image/webp", 4, 4, MOST_FRAMES)
def webp_most_frames() -> bytes:
    return webp_of(4, 4, MOST_FRAMES)


# AVIF; one thread, because libavif's output depends on how many there are


@_picture("image/avif", 160, 120)
def avif() -> bytes:
    return encoded(photo(), "AVIF", speed=10, max_threads=1)


@_picture("image/avif", 160, 120)
def avif_alpha() -> bytes:
    return encoded(_with_alpha(), "AVIF", speed=10, max_threads=1)


@_picture("image/avif", 320, 240)
def avif_orientation() -> bytes:
    """To be shown upright as 240 × 320, red above blue; stored as a rotation property, not only in EXIF."""
    return encoded(_halves(), "AVIF", speed=10, max_threads=1, subsampling="4:4:4", exif=_phone_exif(6))


@_picture("image/avif", 96, 64, 6)
def avif_animated() -> bytes:
    """An image sequence, brand `avis`."""
    return avif_of(_moving())


# The smallest of each


def _tiny(kind: str) -> Callable[[], bytes]:
    return lambda: encoded(Image.new("RGB", (1, 1), RED), kind)


TINY: dict[str, Picture] = {
    f"image/{kind}": Picture(f"{kind}_1x1", f"image/{kind}", 1, 1, make=_tiny(kind.upper()))
    for kind in ("jpeg", "png", "gif", "webp", "avif")
}


@cache
def exactly(size: int) -> Picture:
    """A sound PNG of just that many bytes, at least 1000, most of them in a private chunk."""

    def make() -> bytes:
        bare = encoded(photo().resize((16, 12)), "PNG")
        end = len(bare) - 12
        return bare[:end] + png_chunk(b"paDd", noise(size - len(bare) - 12)) + bare[end:]

    return Picture(f"png_{size}_bytes", "image/png", 16, 12, make=make)


SOUND: tuple[Picture, ...] = (*_sound, *TINY.values(), exactly(MOST_BYTES))
