"""API keys and the lines that stand for them: `USER SHA-256-IN-HEX [EXPIRES]`.

A key has 256 random bits, so its plain hash cannot be turned back; what makes guessing passwords slow (scrypt and such)
would only make each request slow.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from service.errors import SettingsError
from service.images import USER_ID, rfc3339

PREFIX = "cloudimg_"
"""Secret scanners find a key by it: `cloudimg_[A-Za-z0-9_-]{43}`."""
DIGEST = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as it is stored: whose it is, its SHA-256, and until when it holds."""

    user_id: str
    digest: bytes
    expires_at: datetime | None = None


def new_key() -> str:
    """A key that nobody has."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(key: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).digest()


def line_of(known: KnownKey) -> str:
    """The line for `API_KEYS_FILE`, or for `API_KEYS`."""
    until = [rfc3339(known.expires_at)] if known.expires_at else []
    return " ".join([known.user_id, known.digest.hex(), *until])


def read_lines(lines: Iterable[str], source: str) -> list[KnownKey]:
    """The keys in these lines; empty ones and what follows a `#` mean nothing.

    :raises SettingsError: a line is none; the text names it, and repeats nothing of it.
    """
    keys: dict[bytes, KnownKey] = {}
    for number, line in enumerate(lines, 1):
        if not (words := line.partition("#")[0].split()):
            continue
        try:
            known = _read(words)
            if known.digest in keys:
                raise ValueError("the same key stands in an earlier line")
        except ValueError as error:
            raise SettingsError(f"{source}, line {number}: {error}.") from None
        keys[known.digest] = known
    return list(keys.values())


def _read(words: list[str]) -> KnownKey:
    if any(word.startswith(PREFIX) for word in words):
        raise ValueError("this is a key itself; store the line that `cloud-images api-key create` prints")
    if not 2 <= len(words) <= 3:
        raise ValueError("it is not `USER SHA-256 [EXPIRES]`")
    user_id, digest, *until = words
    if not USER_ID.fullmatch(user_id):
        raise ValueError("its first word is no user id")
    if not DIGEST.fullmatch(digest):
        raise ValueError("its second word is no SHA-256 in hex")
    return KnownKey(user_id, bytes.fromhex(digest), _moment(until[0]) if until else None)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("its third word is no time as in 2027-01-31T00:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
