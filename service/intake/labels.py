"""The words that come with an image: file name, title and tags. They are kept as text, never as part of a key."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from service.errors import Refused

FILENAME_BYTES = 255
TITLE_CHARACTERS = 200
TAGS = 10
TAG_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Labels:
    """Words as given, within their limits; None is a word not given."""

    filename: str | None = None
    title: str | None = None
    tags: tuple[str, ...] = ()


def read_filename(text: str | None) -> str | None:
    """A file name of at most 255 bytes in UTF-8; an empty one counts as not given.

    :raises Refused: too long, or with control characters.
    """
    if not text:
        return None
    # First this: half a character, as JSON can hold it, has no UTF-8.
    _refuse_controls(text, "invalid_filename", "A file name")
    if len(text.encode()) > FILENAME_BYTES:
        raise Refused("invalid_filename", f"A file name may have at most {FILENAME_BYTES} bytes.")
    return text


def read_title(text: str | None) -> str | None:
    """A title of at most 200 characters, without white space around it; an empty one counts as not given.

    :raises Refused: too long, or with control characters.
    """
    text = (text or "").strip()
    if not text:
        return None
    if len(text) > TITLE_CHARACTERS:
        raise Refused("invalid_title", f"A title may have at most {TITLE_CHARACTERS} characters.")
    _refuse_controls(text, "invalid_title", "A title")
    return text


def read_tags(given: Iterable[str]) -> tuple[str, ...]:
    """Tags, each text holding one or several with commas between; in order, without repetitions.

    :raises Refused: more than 10, or one of them too long or with control characters.
    """
    tags = tuple(dict.fromkeys(tag.strip() for text in given for tag in text.split(",") if tag.strip()))
    if len(tags) > TAGS:
        raise Refused("invalid_tags", f"An image may have at most {TAGS} tags.")
    for tag in tags:
        if len(tag) > TAG_CHARACTERS:
            raise Refused("invalid_tags", f"A tag may have at most {TAG_CHARACTERS} characters.")
        _refuse_controls(tag, "invalid_tags", "A tag")
    return tags


def metadata_too_large() -> Refused:
    """The refusal of words that are each short enough, but not all together."""
    return Refused("metadata_too_large", "File name, title and tags together are more than S3 keeps beside an object.")


def _refuse_controls(text: str, code: str, what: str) -> None:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise Refused(code, f"{what} may not have control characters.")
