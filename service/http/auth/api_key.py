"""`AUTH_MODE=api-key`: keys of this service, of which it knows the hashes."""

import hmac
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from service.errors import SettingsError, Unauthenticated
from service.http.auth.credentials import Authenticator, bearer_challenge, credential
from service.http.auth.key_lines import KnownKey, digest_of, read_lines
from service.settings import Settings

log = logging.getLogger(__name__)

BUCKET_BYTES = 4
"""So much of a digest finds the few keys to compare with. How long that takes tells nothing: who could choose what a
digest begins with would still not know the rest, nor the key behind it."""
YOUNG_SECONDS = 2.0
"""A file that changed so shortly before it was read may change again within the grain of its time, 2 s at most."""


class ApiKeys(Authenticator):
    """Takes `Authorization: Bearer KEY` or `X-API-Key: KEY`; a user may have several keys at a time."""

    def __init__(self, settings: Settings) -> None:
        if not settings.api_keys and not settings.api_keys_file:
            raise SettingsError(
                "AUTH_MODE=api-key needs API_KEYS_FILE or API_KEYS; `cloud-images api-key create USER` makes a key."
            )
        self._fixed = read_lines(settings.api_keys.replace(",", "\n").splitlines(), "API_KEYS")
        self._path = Path(settings.api_keys_file) if settings.api_keys_file else None
        self._state: tuple[int, ...] | None = None
        self._complaint = ""
        self._keys: dict[bytes, list[KnownKey]] = {}
        self._fill([])
        try:
            self._read_changed()
        except OSError as error:
            raise SettingsError(f"API_KEYS_FILE {self._path} cannot be read: {error.strerror}.") from None

    async def user_of(self, request: web.Request) -> str:
        """Whose key it is."""
        digest = digest_of(credential(request, "X-API-Key"))
        self._follow()
        for known in self._keys.get(digest[:BUCKET_BYTES], ()):
            if hmac.compare_digest(known.digest, digest) and not _over(known):
                return known.user_id
        raise Unauthenticated(
            "invalid_api_key",
            "This API key is unknown, revoked or expired.",
            challenge=bearer_challenge("invalid_token"),
        )

    def _follow(self) -> None:
        """Take in what has changed in the file; a file that cannot be used changes nothing, and is told of once."""
        try:
            self._read_changed()
        except (SettingsError, OSError) as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                log.error("the API keys known before stay in force: %s", error)

    def _read_changed(self) -> None:
        """:raises SettingsError, OSError: the file has changed and cannot be used."""
        if self._path is None:
            return
        found = self._path.stat()
        state = (found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev)
        if state == self._state:
            return
        self._state = None if 0 <= time.time() - found.st_ctime < YOUNG_SECONDS else state
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            raise SettingsError(f"API_KEYS_FILE {self._path} is no text in UTF-8.") from None
        self._fill(read_lines(lines, f"API_KEYS_FILE {self._path}"))
        if self._complaint:
            self._complaint = ""
            log.warning("the API keys are read from %s again", self._path)

    def _fill(self, more: list[KnownKey]) -> None:
        keys: dict[bytes, list[KnownKey]] = {}
        for known in (*self._fixed, *more):
            keys.setdefault(known.digest[:BUCKET_BYTES], []).append(known)
        self._keys = keys


def _over(known: KnownKey) -> bool:
    return known.expires_at is not None and known.expires_at <= datetime.now(UTC)
