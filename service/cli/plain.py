"""Text for a terminal. Names and answers come from others: nothing in them may steer it."""

import sys
import unicodedata
from datetime import datetime
from typing import TextIO

BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They could make a name read as another."""


def plain(text: object) -> str:
    """Text in which no character is a control; each that is becomes a mark.

    Bytes of a file name that are no UTF-8 become one, too.
    """
    return "".join("\ufffd" if _steers(one) else one for one in str(text))


def _steers(one: str) -> bool:
    return one in BIDI or unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp")


def on_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at it; a stream that the shell has closed is None."""
    return stream is not None and stream.isatty()


def complain(text: str) -> None:
    """One line to stderr."""
    print(f"cloud-images: {plain(text)}", file=sys.stderr, flush=True)


def fit_for_output() -> None:
    """Let nothing that an old terminal has no character for end a command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def size_of(count: int) -> str:
    """Bytes for people: `112 kB`, `4.6 MB`."""
    if count < 1000:
        return f"{count} B"
    value, units = float(count), iter(("kB", "MB", "GB", "TB", "PB"))
    unit = "B"
    while value >= 999.5:
        value, unit = value / 1000, next(units)
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def time_of(at: datetime) -> str:
    """A time for people, as their clock has it."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def many(count: int, noun: str) -> str:
    """`1 image`, `2 images`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
