"""One decoded frame: as it is to be looked at, and what is made of it. Runs in the decoder process only."""

import base64
import io
import struct

import thash
from PIL import Image, ImageCms

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


def first_frame(image: Image.Image, side: int) -> Image.Image:
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
    frame = _in_srgb(fit(frame, side), image.info.get("icc_profile"))
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


def fit(frame: Image.Image, side: int) -> Image.Image:
    """The frame within a square of `side` pixels, never enlarged."""
    if max(frame.size) <= side:
        return frame
    scale = side / max(frame.size)
    size = tuple(max(1, round(length * scale)) for length in frame.size)
    return frame.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP)


def webp(frame: Image.Image) -> bytes:
    """The frame as WebP, without any metadata."""
    out = io.BytesIO()
    frame.save(out, "WEBP", quality=WEBP_QUALITY, method=WEBP_METHOD, exif=b"", icc_profile=b"")
    return out.getvalue()


def placeholder(frame: Image.Image) -> str:
    """Its ThumbHash in Base64."""
    small = fit(frame, PLACEHOLDER_SIDE).convert("RGBA")
    # By name: where numpy happens to be installed the other way is taken, which does not read bytes.
    return base64.b64encode(bytes(thash.rgba_to_thumb_hash_pure(*small.size, small.tobytes()))).decode()
