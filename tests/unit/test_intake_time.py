"""No file of 5 MB keeps the service busy for long, however many tiny pieces it is made of."""

import struct
import time
from collections.abc import Callable

import pytest

from tests.forms import BOUNDARY, file_part, form, word_part
from tests.intake import pieces, verdict
from tests.pictures import MOST_BYTES, TINY, gif_of, png_chunk, png_file
from tests.unit.test_intake import form_verdict

SECONDS = 1.0
"""Of the processor: many times what a photograph of that size takes, and little enough to be no attack."""
SOCKET = 65_536


def _filled(start: bytes, unit: bytes, end: bytes = b"") -> bytes:
    return start + unit * ((MOST_BYTES - len(start) - len(end)) // len(unit)) + end


def _webp(chunk: bytes) -> bytes:
    body = _filled(TINY["image/webp"].data[8:], chunk)[: MOST_BYTES - 8]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _box(kind: bytes, *inside: bytes) -> bytes:
    content = b"".join(inside)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _avif(box: bytes) -> bytes:
    return _filled(TINY["image/avif"].data, box)


def _meta(*inside: bytes) -> bytes:
    return _box(b"meta", bytes(4), *inside)


_PNG = png_file((b"IHDR", TINY["image/png"].data[16:29]), (b"IDAT", b""))[:-12]
_PNG_END = png_chunk(b"IEND")
_JPEG = TINY["image/jpeg"].data[:2]
_GIF, _GIF_END = gif_of(1, 1, 1)[:19], gif_of(1, 1, 1)[19:]
_FREE = _box(b"free") * 60_000
_EXTENTS = _box(b"ispe", struct.pack(">III", 0, 1, 1)) * 20_000
_TRACKS = _box(b"trak", _box(b"mdia")) * 30_000

# The last column is the code of the refusal; None: it is legal, if odd, and may be taken.
BOMBS: dict[str, tuple[str, Callable[[], bytes], str | None]] = {
    "jpeg_comments": ("image/jpeg", lambda: _filled(_JPEG, b"\xff\xfe\0\2"), "invalid_image"),
    "jpeg_app_segments": ("image/jpeg", lambda: _filled(_JPEG, b"\xff\xe1\0\3x"), "invalid_image"),
    "jpeg_fill_bytes": ("image/jpeg", lambda: _filled(_JPEG, b"\xff"), "invalid_image"),
    "png_empty_chunks": ("image/png", lambda: _filled(_PNG, png_chunk(b"teSt")), "invalid_image"),
    "png_empty_data": ("image/png", lambda: _filled(_PNG, png_chunk(b"IDAT")), "invalid_image"),
    "png_controls": ("image/png", lambda: _filled(_PNG, png_chunk(b"acTL", b"\0\0\0\1\0\0\0\0")), "invalid_image"),
    "gif_empty_extensions": ("image/gif", lambda: _filled(_GIF, b"!\xfe\0", _GIF_END), "invalid_image"),
    "gif_empty_images": ("image/gif", lambda: _filled(_GIF, _GIF_END[:10] + b"\2\0"), "too_many_frames"),
    "gif_tiny_sub_blocks": ("image/gif", lambda: _filled(_GIF + b"!\xfe", b"\1x", b"\0" + _GIF_END), None),
    "webp_empty_chunks": ("image/webp", lambda: _webp(b"junk\0\0\0\0"), "invalid_image"),
    "webp_tiny_chunks": ("image/webp", lambda: _webp(b"junk\1\0\0\0x\0"), "invalid_image"),
    "avif_empty_boxes": ("image/avif", lambda: _avif(_box(b"free")), "invalid_image"),
    "avif_empty_metas": ("image/avif", lambda: _avif(_meta()), "invalid_image"),
    # ISO/IEC 14496-12: a file has one `meta` and one `moov`.
    "avif_metas_of_boxes": ("image/avif", lambda: _avif(_meta(_box(b"iprp", _FREE))), "invalid_image"),
    "avif_metas_of_extents": (
        "image/avif",
        lambda: _avif(_meta(_box(b"iprp", _box(b"ipco", _EXTENTS)))),
        "invalid_image",
    ),
    "avif_moovs_of_tracks": ("image/avif", lambda: _avif(_box(b"moov", _TRACKS)), "invalid_image"),
    "avif_moovs_of_boxes": (
        "image/avif",
        lambda: _avif(_box(b"moov", _box(b"trak", _box(b"mdia", _FREE)))),
        "invalid_image",
    ),
}


@pytest.mark.parametrize("size", [1460, SOCKET])
@pytest.mark.parametrize("name", BOMBS)
def test_a_picture_in_very_many_pieces(name: str, size: int) -> None:
    """Pieces of one network packet, and of one read from the socket."""
    content_type, make, code = BOMBS[name]
    data = make()
    assert MOST_BYTES - 600_000 < len(data) <= MOST_BYTES
    started = time.process_time()
    found = verdict(pieces(data, [size]), content_type)
    assert time.process_time() - started < SECONDS
    if code is not None:
        assert found == code


EDGE = b"\r\n--" + BOUNDARY.encode()[:-1]
FIRST = f"--{BOUNDARY}\r\n".encode()
FORM_BOMBS = {
    "look_alikes": (form(file_part(_filled(_PNG, EDGE))), "truncated_image"),
    "look_alikes_in_a_sound_file": (form(file_part(_PNG + png_chunk(b"teSt", EDGE * 250_000) + _PNG_END)), None),
    "returns_in_a_sound_file": (form(file_part(_PNG + png_chunk(b"teSt", b"\r" * 5_000_000) + _PNG_END)), None),
    "empty_parts": (form(*[word_part("tags", "")] * 80_000), "malformed_multipart"),
    "empty_headers": (_filled(FIRST, b"a:\r\n"), "malformed_multipart"),
    "one_header": (_filled(FIRST, b"a"), "malformed_multipart"),
    "epilogue": (_filled(form(file_part()), b"\r\n--"), None),
}


@pytest.mark.parametrize("size", [1460, SOCKET])
@pytest.mark.parametrize("name", FORM_BOMBS)
async def test_a_form_in_very_many_pieces(name: str, size: int) -> None:
    data, code = FORM_BOMBS[name]
    started = time.process_time()
    found = await form_verdict(pieces(data, [size]))
    assert time.process_time() - started < SECONDS
    assert (found if isinstance(found, str) else None) == code


async def test_a_form_byte_by_byte() -> None:
    """Half of the room for headers, in the smallest of chunks."""
    data = b"".join(word_part("tags", "x" * 900) for _ in range(30))
    started = time.process_time()
    assert await form_verdict(pieces(data, [1])) == "malformed_multipart"
    assert time.process_time() - started < SECONDS
