"""What the value of a setting may be.

Each of these takes the text of a variable and returns the value, or raises ValueError or KeyError; its docstring says
what the user is told that the variable must be.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

ASYMMETRIC = {*(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)), "EdDSA"}
"""What tokens may be signed with: with a shared secret (`HS256`), whoever can check tokens could make them."""
ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(:(?!0)[0-9]{1,5})?")


def text(value: str) -> str:
    """a text"""
    return value


def flag(value: str) -> bool:
    """1 or 0"""
    return {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}[
        value.lower()
    ]


def between(low: float, high: float, kind: type[int] | type[float] = int) -> Callable[[str], float]:
    """What takes a number of that kind from `low` to `high`."""

    def read(value: str) -> float:
        number = kind(value)
        if not low <= number <= high:
            raise ValueError
        return number

    read.__doc__ = f"a {'whole ' if kind is int else ''}number from {low:,} to {high:,}"
    return read


def one_of(*allowed: str) -> Callable[[str], str]:
    """What takes one of these words."""

    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError
        return value

    read.__doc__ = "one of " + ", ".join(allowed)
    return read


def url(value: str) -> str:
    """a URL as in http://localhost:4566"""
    parts = urlsplit(value)
    # `port` raises ValueError when it is not a number.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError
    return value


def secure_url(value: str) -> str:
    """an https URL (or http on localhost)"""
    # Where somebody on the way could answer in its place, what it says is worth nothing.
    host = urlsplit(url(value)).hostname or ""
    if not value.startswith("https://") and host not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("it is not https")
    return value


def algorithms(value: str) -> str:
    """a list of asymmetric algorithms as in RS256,ES256"""
    names = value.replace(" ", "").split(",")
    if not set(names) <= ASYMMETRIC:
        raise ValueError
    return ",".join(names)


def origins(value: str) -> str:
    """a list of origins as browsers write them, as in https://example.org,http://localhost:5173"""
    origins = value.replace(" ", "").split(",")
    if not all(ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError
    return ",".join(origins)


def region(value: str) -> str:
    """a region as in us-east-1"""
    if not re.fullmatch(r"[a-zA-Z0-9-]{1,63}", value):
        raise ValueError
    return value


def topic(value: str) -> str:
    """the ARN of an SNS topic as in arn:aws:sns:us-east-1:123456789012:images"""
    if not re.fullmatch(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?", value):
        raise ValueError
    return value


def folder(value: str) -> str:
    """a folder that can be written to"""
    if not Path(value).is_dir() or not os.access(value, os.W_OK):
        raise ValueError
    return value


def path(value: str) -> str:
    """a path as in /photos"""
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError
    return value
