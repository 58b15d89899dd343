"""GIF: https://www.w3.org/Graphics/GIF/spec-gif89a.txt."""

import struct

from service.errors import Refused
from service.intake.structure import SUB_BLOCKS, Shape, Walker

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B


def _colour_table(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def gif(shape: Shape) -> Walker:
    """The screen descriptor, then every block up to the trailer; each image block is a frame."""
    head = yield 13
    width, height, flags = struct.unpack("<HHB", head[6:11])
    if head[:6] not in (b"GIF87a", b"GIF89a"):
        raise Refused("signature_mismatch", "The bytes only look like a GIF at their very start.")
    shape.grow(width, height)
    if table := _colour_table(flags):
        yield -table

    frames = 0
    while (block := (yield 1)[0]) != TRAILER:
        if block == EXTENSION:
            yield -1
        elif block == IMAGE:
            left, top, width, height, flags = struct.unpack("<HHHHB", (yield 9))
            frames += 1
            shape.count(frames)
            # Decoders enlarge the canvas for a frame that reaches over its edge.
            shape.grow(left + width, top + height)
            yield -(_colour_table(flags) + 1)
        else:
            raise Refused("invalid_image", "The GIF has a block that is neither image nor extension.")
        yield SUB_BLOCKS
    if not frames:
        raise Refused("invalid_image", "The GIF has no image in it.")
