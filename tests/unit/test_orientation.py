"""Orientation: junk in EXIF costs no picture, and a decoder that cannot read EXIF at all does not go unseen."""

import io
import struct

import pytest
from PIL import Image

from worker.picture import Bounds, derive

WIDE, TALL = (40, 20), (20, 40)
SHORT, LONG, RATIONAL, TEXT, FLOAT = 3, 4, 5, 2, 11
# A decoder ignores what Pillow remarks about metadata; pytest has filters of its own.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def oriented(kind: int, value: bytes, count: int = 1, behind: bytes = b"") -> bytes:
    """EXIF that has nothing but an orientation, of that type; `behind` begins at byte 26."""
    return b"II*\0\x08\0\0\0" + struct.pack("<HHHI4s4x", 1, 274, kind, count, value) + behind


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's own, which decoding sets for its whole process."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


READABLE = {"short": oriented(SHORT, b"\x06"), "long": oriented(LONG, b"\x06"), "text": oriented(TEXT, b"6", 2)}
JUNK = {
    "no TIFF": b"\x89PNG\r\n\x1a\n",
    "header cut off": b"II*\0",
    "no entries": b"II*\0\xff\xff\xff\xff",
    "entry cut off": oriented(SHORT, b"\x06")[:20],
    "nothing": oriented(SHORT, b"\x06", 0),
    "not a number": oriented(FLOAT, struct.pack("<f", float("nan"))),
    "infinite": oriented(FLOAT, struct.pack("<f", float("inf"))),
    "divided by zero": oriented(RATIONAL, struct.pack("<I", 26), behind=struct.pack("<II", 6, 0)),
    "a word": oriented(TEXT, b"up", 3),
    "a type that is none": oriented(99, b"\x06"),
    "more than there is": oriented(SHORT, b"\x1a", 2**31),
    "none of the eight": oriented(SHORT, b"\x09"),
}
SAVED = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


def seen(content_type: str, exif: bytes) -> tuple[int, int]:
    """The size of the variant of a wide picture that has this EXIF."""
    out = io.BytesIO()
    Image.new("RGB", WIDE, "navy").save(out, SAVED[content_type], exif=b"Exif\0\0" + exif)
    return derive(out.getvalue(), content_type, Bounds(10_000, 1, {"thumb": 64})).variants["thumb"][:2]


@pytest.mark.parametrize("content_type", SAVED)
@pytest.mark.parametrize("name", READABLE)
def test_it_is_turned(name: str, content_type: str) -> None:
    assert seen(content_type, READABLE[name]) == TALL


@pytest.mark.parametrize("content_type", SAVED)
@pytest.mark.parametrize("name", JUNK)
def test_junk_turns_nothing_and_refuses_nothing(name: str, content_type: str) -> None:
    assert seen(content_type, JUNK[name]) == WIDE


def test_exif_that_nobody_can_read_is_no_junk(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a cage whose decoder has not loaded the plugin: better no verdict than all photographs on their side."""

    def not_loaded(image: Image.Image) -> Image.Exif:
        raise ImportError("TiffImagePlugin")

    exif = READABLE["short"]
    monkeypatch.setattr(Image.Image, "getexif", not_loaded)
    with pytest.raises(ImportError):
        seen("image/png", exif)
