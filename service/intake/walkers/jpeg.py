"""JPEG, up to where its scan begins: ITU-T T.81, annex B."""

import struct

from service.errors import Refused
from service.intake.structure import Shape, Walker

SOI, SOS, FILL = 0xD8, 0xDA, 0xFF
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
HUFFMAN, ARITHMETIC, QUANTIZATION, RESTART, COMMENT = 0xC4, 0xCC, 0xDB, 0xDD, 0xFE
SEGMENTS = FRAMES | {HUFFMAN, ARITHMETIC, QUANTIZATION, RESTART, COMMENT} | set(range(0xE0, 0xF0))


def jpeg(shape: Shape) -> Walker:
    """Every segment up to the start of the scan; exactly one of them must be a frame header.

    What follows is for the full decode: many phones put more behind the picture (a second one, a film, a trailer of the
    maker's), so the last bytes prove nothing, and looking for the end of the scan costs more than hashing the file.
    """
    if (yield 2) != bytes((FILL, SOI)):
        raise Refused("signature_mismatch", "The bytes only look like a JPEG at their very start.")
    while True:
        if (yield 1)[0] != FILL:
            raise Refused("invalid_image", "The JPEG has something else where a segment should begin.")
        while (marker := (yield 1)[0]) == FILL:
            pass
        if marker == SOS:
            break
        if marker not in SEGMENTS:
            raise Refused("invalid_image", f"The JPEG has a marker (FF {marker:02X}) that cannot stand in its header.")
        length = int.from_bytes((yield 2)) - 2
        if length < 0:
            raise Refused("invalid_image", "The JPEG has a segment of an impossible length.")
        if marker in FRAMES:
            if shape.width or length < 6:
                raise Refused("invalid_image", "The JPEG has a frame header that cannot be one.")
            _, height, width, components = struct.unpack(">BHHB", (yield 6))
            if length != 6 + 3 * components:
                raise Refused("invalid_image", "The JPEG has a frame header that cannot be one.")
            shape.grow(width, height)
            length -= 6
        if length:
            yield -length
    if not shape.width:
        raise Refused("invalid_image", "The JPEG has a scan before it says how large it is.")
    yield -3  # the scan header's length and at least one byte of it: a bare marker is a truncated file
