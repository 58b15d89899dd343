"""A service in each AUTH_MODE: who its users are, and all ways to be none of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from multidict import CIMultiDict

from service.http.auth.key_lines import KnownKey, digest_of, line_of, new_key
from service.http.server import serving
from service.settings import Settings
from tests.driver import Answer
from tests.issuer import AUDIENCE, Issuer, issuing
from tests.tokens import Forgery

Headers = list[tuple[str, str]]
Way = tuple[str, Headers]
"""A way to be nobody: the `code` it gets, and the headers."""
MODES = ("header", "api-key", "jwt")
OWNER, OTHER = "the-owner", "the-other"


class Mode(Protocol):
    """One AUTH_MODE."""

    def user(self, name: str) -> Headers:
        """The headers of a user."""
        ...

    def nobody(self) -> dict[str, Way]:
        """All ways to be nobody, each of which would be OWNER if it were let in."""
        ...


@dataclass
class ByHeader:
    """`AUTH_MODE=header`."""

    settings: Settings

    def user(self, name: str) -> Headers:
        """As a gateway says it."""
        return [("X-User-Id", name)]

    def nobody(self) -> dict[str, Way]:
        """`tests/api/test_users.py` has more."""
        odd = (
            "",
            f"{OWNER}, {OWNER}",
            f"{OWNER}/",
            f"../{OWNER}",
            f"idempotency#{OWNER}",
            f'"{OWNER}"',
            "\xf6wner",
            "x" * 129,
        )
        return {
            "none": ("unauthenticated", []),
            "twice": ("invalid_user_id", self.user(OWNER) * 2),
            "two": ("invalid_user_id", self.user(OWNER) + self.user(OTHER)),
            "bearer": ("unauthenticated", [("Authorization", f"Bearer {OWNER}")]),
            "another_header": ("unauthenticated", [("X-User", OWNER), ("X_User_Id", OWNER), ("X-API-Key", OWNER)]),
            **{f"odd_{n}": ("invalid_user_id", self.user(name)) for n, name in enumerate(odd)},
        }


class ByKey:
    """`AUTH_MODE=api-key`, with keys in the environment and in a file."""

    def __init__(self, settings: Settings, file: Path) -> None:
        self.file = file
        self.keys = {OWNER: new_key(), OTHER: new_key()}
        self.second, self.expired, self.revoked = new_key(), new_key(), new_key()
        past = datetime.now(UTC) - timedelta(seconds=1)
        self.lines = [
            "# The keys of the tests",
            self._line(OWNER, self.keys[OWNER]),
            self._line(OWNER, self.second),
            line_of(KnownKey(OWNER, digest_of(self.expired), past)),
        ]
        self.write(*self.lines, self._line(OWNER, self.revoked))
        fixed = self._line(OTHER, self.keys[OTHER])
        self.settings = replace(settings, auth_mode="api-key", api_keys=fixed, api_keys_file=str(file))

    def _line(self, user: str, key: str) -> str:
        return line_of(KnownKey(user, digest_of(key)))

    def write(self, *lines: str) -> None:
        """Put other lines into the file."""
        self.file.write_text("\n".join((*lines, "")))

    def revoke(self) -> None:
        """Take the line of the key `revoked` away."""
        self.write(*self.lines)

    def user(self, name: str) -> Headers:
        """By their key."""
        return [("Authorization", f"Bearer {self.keys[name]}")]

    def nobody(self) -> dict[str, Way]:
        """With keys that are none, and with none."""
        key = self.keys[OWNER]
        unknown = {
            **{"unknown": new_key(), "revoked": self.revoked, "expired": self.expired, "user": OWNER},
            **{"hash": digest_of(key).hex(), "cut": key[:-1], "longer": f"{key}A", "case": key.swapcase()},
            **{"without_prefix": key.removeprefix("cloudimg_"), "padded": f"{key}="},
        }
        ways = {f"{name}_bearer": ("invalid_api_key", _bearer(text)) for name, text in unknown.items()}
        ways |= {f"{name}_header": ("invalid_api_key", [("X-API-Key", text)]) for name, text in unknown.items()}
        return {**ways, **_misplaced(key), "header_with_scheme": ("unauthenticated", [("X-API-Key", f"Bearer {key}")])}


class ByToken:
    """`AUTH_MODE=jwt`."""

    def __init__(self, settings: Settings, issuer: Issuer, other: Issuer) -> None:
        self.issuer, self.other = issuer, other
        self.forgery = Forgery(issuer, other)
        self.settings = replace(settings, auth_mode="jwt", jwt_issuer=issuer.url, jwt_audience=f"others,{AUDIENCE}")

    def user(self, name: str) -> Headers:
        """By a token."""
        return _bearer(self.issuer.token(sub=name))

    def nobody(self) -> dict[str, Way]:
        """With forged tokens, and with none."""
        forged = {name: (code, _bearer(token)) for name, (code, token) in self.forgery.tokens(OWNER).items()}
        token = self.issuer.token(sub=OWNER)
        return {**forged, **_misplaced(token), "api_key": ("unauthenticated", [("X-API-Key", token)])}


def _bearer(text: str) -> Headers:
    return [("Authorization", f"Bearer {text}")]


def _misplaced(secret: str) -> dict[str, Way]:
    """Sound credentials in the wrong place, and headers that would be credentials in another mode."""
    both = {
        "none": [],
        "user_header": [("X-User-Id", OWNER)],
        "user_header_twice": [("X-User-Id", OWNER), ("x-user-id", OWNER)],
        "basic": [("Authorization", f"Basic {secret}")],
        "no_scheme": [("Authorization", secret)],
        "no_space": [("Authorization", f"Bearer{secret}")],
        "empty": [("Authorization", "")],
        "scheme_only": [("Authorization", "Bearer")],
        "words": [("Authorization", f"Bearer {secret} {secret}")],
        "list": [("Authorization", f"Bearer {secret},Bearer {secret}")],
        "quoted": [("Authorization", f'Bearer "{secret}"')],
        "not_ascii": [("Authorization", f"Bearer {secret}\xe9")],
        "twice": _bearer(secret) * 2,
        "two": [*_bearer(secret), *_bearer("x")],
        "with_key": [*_bearer(secret), ("X-API-Key", secret)] if secret.startswith("cloudimg_") else [],
        "with_basic": [*_bearer(secret), ("Authorization", "Basic b3duZXI6")],
        "cookie": [("Cookie", f"access_token={secret}; Authorization=Bearer {secret}")],
        "proxy": [("Proxy-Authorization", f"Bearer {secret}")],
    }
    return {name: ("unauthenticated", headers) for name, headers in both.items()}


@dataclass
class Service:
    """A running service in one mode."""

    mode: Any
    settings: Settings
    url: str
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, who: Headers, **more: Any) -> Answer:
        """One request with these credentials."""
        headers = CIMultiDict([*who, *more.pop("headers", {}).items()])
        async with self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False, **more
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())


@asynccontextmanager
async def service_in(mode: str, settings: Settings, folder: Path) -> AsyncIterator[Service]:
    """A service in this mode."""
    async with AsyncExitStack() as stack:
        made: Any
        if mode == "header":
            made = ByHeader(settings)
        elif mode == "api-key":
            made = ByKey(settings, folder / "keys")
        else:
            made = ByToken(settings, *[await stack.enter_async_context(issuing()) for _ in range(2)])
        url = await stack.enter_async_context(serving(made.settings))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Service(made, made.settings, url, session)
