"""AVIF, still and sequence: https://aomediacodec.github.io/av1-avif/ over ISO/IEC 14496-12 and 23008-12."""

import struct
from collections.abc import Iterator

from service.errors import Refused
from service.intake.structure import Shape, Walker

BRANDS = (b"avif", b"avis")
HEADER_BYTES = 512 * 1024
"""Most bytes of a `meta` or `moov` box; those of real files have a few KB."""


def _boxes(data: bytes, path: tuple[bytes, ...]) -> Iterator[bytes]:
    """The contents of all boxes that `path` leads to inside `data`."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        size = size or len(data) - at
        if size < 8 or at + size > len(data):
            raise Refused("invalid_image", "The AVIF has a box that does not fit into the one around it.")
        if kind == path[0]:
            content = data[at + 8 : at + size]
            if len(path) == 1:
                yield content
            else:
                yield from _boxes(content, path[1:])
        at += size


def _read_meta(shape: Shape, meta: bytes) -> None:
    for extent in _boxes(meta[4:], (b"iprp", b"ipco", b"ispe")):
        if len(extent) >= 12:
            shape.grow(*struct.unpack(">II", extent[4:12]))


def _read_moov(shape: Shape, moov: bytes) -> None:
    for sizes in _boxes(moov, (b"trak", b"mdia", b"minf", b"stbl", b"stsz")):
        if len(sizes) >= 12:
            shape.count(int.from_bytes(sizes[8:12]))
    for track in _boxes(moov, (b"trak", b"tkhd")):
        # The last two fields: 16.16 fixed point; audio tracks have 0 × 0.
        width, height = (int.from_bytes(track[i : i + 2]) for i in (len(track) - 8, len(track) - 4))
        if width and height:
            shape.grow(width, height)


def avif(shape: Shape) -> Walker:
    """The `ftyp` brands, then every top-level box to the end of the file, reading only `meta` and `moov`."""
    size, kind = struct.unpack(">I4s", (yield 8))
    if kind != b"ftyp" or not 16 <= size <= 1024 or size % 4:
        raise Refused("signature_mismatch", "The bytes only look like an AVIF at their very start.")
    brands = yield size - 8
    if not any(brands[i : i + 4] in BRANDS for i in (0, *range(8, len(brands), 4))):
        raise Refused("signature_mismatch", "The file is of AVIF's family, but not an AVIF.")

    seen: set[bytes] = set()
    described = False
    while True:
        size, kind = struct.unpack(">I4s", (yield 8))
        shape.complete = False
        header = 8
        if size == 1:
            size, header = int.from_bytes((yield 8)), 16
        if size == 0:  # to the end of the file
            shape.complete = described
            size = 1 << 62
        if size < header:
            raise Refused("invalid_image", "The AVIF has a box of an impossible length.")
        left = size - header
        if kind in (b"meta", b"moov"):
            if left > HEADER_BYTES or kind in seen:
                raise Refused("invalid_image", "The AVIF has a header that is too large, or two.")
            seen.add(kind)
            if left:
                (_read_meta if kind == b"meta" else _read_moov)(shape, (yield left))
            described = described or bool(shape.width)
        elif left:
            yield -left
        shape.complete = described
