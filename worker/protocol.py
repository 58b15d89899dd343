"""What worker and decoder process say to each other over their pipes.

Both ways a frame is: the length of a JSON header (4 bytes, big-endian), the header, and then as many blobs as its
`blobs` gives lengths for.
"""

import json
import struct
from typing import Any

HEADER_BYTES = 64 * 1024
BLOB_BYTES = 64 * 1024 * 1024


def frame(header: dict[str, Any], *blobs: bytes) -> bytes:
    """The bytes of one frame."""
    text = json.dumps(header | {"blobs": [len(blob) for blob in blobs]}).encode()
    return b"".join((struct.pack(">I", len(text)), text, *blobs))


def header_length(prefix: bytes) -> int:
    """The length of the header that these four bytes announce.

    :raises ValueError: longer than any.
    """
    (length,) = struct.unpack(">I", prefix)
    if length > HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes")
    return int(length)


def read_header(text: bytes, most: int = BLOB_BYTES) -> dict[str, Any]:
    """The header, its `blobs` checked: together they have no more than `most` bytes.

    :raises ValueError: not a header.
    """
    try:
        header = json.loads(text)
    except RecursionError:
        raise ValueError("not a header") from None
    blobs = header.get("blobs") if isinstance(header, dict) else None
    if not isinstance(blobs, list) or not all(type(length) is int and length >= 0 for length in blobs):
        raise ValueError("not a header")
    if sum(blobs) > most:
        raise ValueError(f"blobs of {sum(blobs)} bytes")
    return dict(header)
