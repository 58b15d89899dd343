"""WebP, still and animated: RFC 9649."""

import struct

from service.errors import Refused
from service.intake.structure import Shape, Walker


def _uint24(data: bytes) -> int:
    return int.from_bytes(data, "little")


def webp(shape: Shape) -> Walker:
    """The RIFF header, then every chunk's header within it; each ANMF chunk is a frame."""
    riff, total, kind = struct.unpack("<4sI4s", (yield 12))
    if (riff, kind) != (b"RIFF", b"WEBP"):
        raise Refused("signature_mismatch", "The bytes only look like a WebP at their very start.")
    left, frames, picture_seen, first = total - 4, 0, False, True
    while left >= 8:
        kind, length = struct.unpack("<4sI", (yield 8))
        padded = length + (length & 1)
        left -= 8 + padded
        # Encoders exist that leave the last chunk's padding out of the RIFF size.
        if left < -1:
            raise Refused("invalid_image", "The WebP has a chunk that is larger than the file says it is.")
        if first and kind not in (b"VP8X", b"VP8 ", b"VP8L"):
            raise Refused("invalid_image", "The WebP does not begin with a picture or an extended header.")
        first = False
        if kind == b"VP8X" and length >= 10:
            data = yield 10
            shape.grow(_uint24(data[4:7]) + 1, _uint24(data[7:10]) + 1)
            padded -= 10
        elif kind == b"VP8 " and length >= 10:
            data = yield 10
            if data[3:6] != b"\x9d\x01\x2a":
                raise Refused("invalid_image", "The WebP's picture has no start code.")
            width, height = struct.unpack("<HH", data[6:10])
            shape.grow(width & 0x3FFF, height & 0x3FFF)
            picture_seen = True
            padded -= 10
        elif kind == b"VP8L" and length >= 5:
            data = yield 5
            if data[0] != 0x2F:
                raise Refused("invalid_image", "The WebP's picture has no signature.")
            bits = int.from_bytes(data[1:5], "little")
            shape.grow((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
            picture_seen = True
            padded -= 5
        elif kind == b"ANMF" and length >= 16:
            data = yield 12
            x, y, width, height = (_uint24(data[i : i + 3]) for i in (0, 3, 6, 9))
            frames += 1
            shape.count(frames)
            shape.grow(2 * x + width + 1, 2 * y + height + 1)
            picture_seen = True
            padded -= 12
        if left < 0:
            padded -= 1
        if padded:
            yield -padded
    if not picture_seen:
        raise Refused("invalid_image", "The WebP has no picture in it.")
