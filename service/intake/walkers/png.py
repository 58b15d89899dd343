"""PNG and APNG: https://www.w3.org/TR/png-3/."""

import struct
import zlib

from service.errors import Refused
from service.intake.structure import Shape, Walker

BIT_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def _frame_corner(control: bytes) -> tuple[int, int]:
    """Where the frame of an fcTL chunk ends to the right and below."""
    if not control:
        raise Refused("invalid_image", "The PNG has a frame control that cannot be one.")
    _, frame_width, frame_height, x, y = struct.unpack(">IIIII", control[:20])
    return x + frame_width, y + frame_height


def png(shape: Shape) -> Walker:
    """Signature, a correct IHDR, then every chunk's header up to IEND; frames from acTL and from the fcTL chunks."""
    if (yield 8) != b"\x89PNG\r\n\x1a\n":
        raise Refused("signature_mismatch", "The bytes only look like a PNG at their very start.")
    head = yield 25
    length, kind, width, height, depth, colour, compression, filtering, interlace = struct.unpack(
        ">I4sIIBBBBB", head[:21]
    )
    if (length, kind) != (13, b"IHDR") or zlib.crc32(head[4:21]) != int.from_bytes(head[21:]):
        raise Refused("invalid_image", "The PNG's first chunk is not a sound IHDR.")
    if depth not in BIT_DEPTHS.get(colour, ()) or (compression, filtering) != (0, 0) or interlace > 1:
        raise Refused("invalid_image", "The PNG's IHDR names a colour type or method that does not exist.")
    shape.grow(width, height)

    data_seen, frames = False, 0
    while True:
        length, kind = struct.unpack(">I4s", (yield 8))
        if length > 0x7FFFFFFF or not kind.isalpha():
            raise Refused("invalid_image", "The PNG has a chunk that cannot be one.")
        if kind == b"acTL":
            claimed = int.from_bytes((yield length)[:4]) if length == 8 else 0
            if not claimed:
                raise Refused("invalid_image", "The PNG says that it is an animation of no frames.")
            shape.count(claimed)
            length = 0
        elif kind == b"fcTL":
            right, bottom = _frame_corner((yield length) if length == 26 else b"")
            if right > width or bottom > height:
                raise Refused("invalid_image", "The PNG has a frame that reaches over its edge.")
            frames += 1
            shape.count(frames)
            length = 0
        elif kind == b"IHDR":
            # Decoders would take this one's size instead.
            raise Refused("invalid_image", "The PNG has two headers.")
        elif kind == b"IDAT":
            data_seen = True
        yield -(length + 4)
        if kind == b"IEND":
            break
    if not data_seen:
        raise Refused("invalid_image", "The PNG has no image data.")
