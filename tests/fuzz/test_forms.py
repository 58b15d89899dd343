"""Forms against another parser of MIME, the one of Python's own `email`."""

import random
import re
from email import message_from_bytes, policy

from hypothesis import given, settings
from hypothesis import strategies as st

from service.intake.labels import Labels, read_tags
from tests.forms import BOUNDARY, FORM, PNG, file_part, form, word_part
from tests.intake import form_verdict, pieces
from tests.pictures import png_chunk

WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=10)
TITLES = st.none() | WORDS
TAGS = st.lists(WORDS.filter(lambda word: "," not in word), max_size=3, unique=True)
NAMES = st.none() | st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=12)
INSIDES = st.lists(
    st.sampled_from((b"\r\n", b"--", BOUNDARY.encode(), b"\n", b"\r", b"\0", b"\xff", b".")), max_size=12
)
TYPES = st.sampled_from((None, "image/png", "application/octet-stream", "IMAGE/PNG; a=b"))
SPLITS = st.lists(st.integers(1, 60), min_size=1, max_size=20)


def reference(body: bytes) -> dict[str, list[bytes]]:
    """Contents by name."""
    parsed = message_from_bytes(f"Content-Type: {FORM}\r\n\r\n".encode() + body, policy=policy.HTTP)
    found: dict[str, list[bytes]] = {}
    for part in parsed.iter_parts():
        name = part.get_param("name", header="content-disposition")
        found.setdefault(str(name), []).append(part.get_payload(decode=True))  # type: ignore[arg-type]
    return found


@settings(deadline=None, max_examples=60)
@given(title=TITLES, tags=TAGS, name=NAMES, inside=INSIDES, kind=TYPES, sizes=SPLITS, shuffle=st.randoms())
async def test_a_sound_form_is_read_as_by_another_parser(
    title: str | None,
    tags: list[str],
    name: str | None,
    inside: list[bytes],
    kind: str | None,
    sizes: list[int],
    shuffle: random.Random,
) -> None:
    # The full stop keeps the checksum behind it from completing what only looks like a boundary, which the other parser
    # sees behind any end of a line.
    within = re.sub(rb"([\r\n])--", rb"\1.--", b"".join(inside)) + b"."
    picture = PNG[:-12] + png_chunk(b"teSt", within) + PNG[-12:]
    parts = [file_part(picture, kind, f'filename="{name}"' if name else "")]
    parts += [word_part("title", title)] if title else []
    parts += [word_part("tags", tag) for tag in tags]
    shuffle.shuffle(parts)
    body = form(*parts)
    read = await form_verdict(pieces(body, sizes), BOUNDARY)
    assert not isinstance(read, str), read
    _, labels, content = read
    other = reference(body)
    assert other["file"] == [content] == [picture]
    ordered = [text.decode() for text in other.get("tags", ())]
    assert labels == Labels(name, title, read_tags(ordered))
    assert [text.decode() for text in other.get("title", ())] == ([title] if title else [])
