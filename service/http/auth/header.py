"""`AUTH_MODE=header`: whoever stands before this service says who is asking; nobody does on one's own machine."""

import ipaddress
import re
from functools import lru_cache

from aiohttp import web

from service.errors import Forbidden, Unauthenticated
from service.http.auth.credentials import Authenticator
from service.images import USER_ID
from service.settings import Settings

CHALLENGE = 'X-User-Id realm="cloud-images"'
CHANGES_NOTHING = {"GET", "HEAD"}
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:]*)(:[0-9]*)?", re.ASCII)


class HeaderTrust(Authenticator):
    """Takes the user from `X-User-Id`, and keeps web pages from using that trust.

    No page can send the header to another origin without being asked for CORS first. But a page whose own name leads
    to 127.0.0.1 (DNS rebinding) is of the same origin, and a gateway may know its users by cookies, which browsers add
    to what any page makes them send.
    """

    def __init__(self, settings: Settings) -> None:
        self._behind_gateway = settings.trust_user_header
        self._pages = set(settings.cors_origins.split(",")) - {""}

    async def user_of(self, request: web.Request) -> str:
        """The user whom the header names."""
        user_id = _named(request)
        hosts = request.headers.getall("Host", [""])
        if not (self._behind_gateway or all(map(_is_local, hosts))):
            raise Forbidden(
                "unknown_host",
                "Without a gateway before it this service goes by the name of localhost only; "
                "with one that sets X-User-Id, start it with --trust-user-header (TRUST_USER_HEADER=1).",
            )
        if request.method not in CHANGES_NOTHING and not self._of_our_pages(request, hosts[0]):
            raise Forbidden("cross_site_request", "A web page of another origin asks for this; see CORS_ORIGINS.")
        return user_id

    def _of_our_pages(self, request: web.Request, host: str) -> bool:
        """Whether no web page sent it, or one that may: https://developer.mozilla.org/docs/Web/HTTP/Headers/Sec-Fetch-Site

        Browsers do not send that header to plain http on other hosts than localhost; there the origin has to do.
        """
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        if origin in self._pages:
            return True
        if site is not None:
            return site in ("same-origin", "none")
        return origin is None or origin.partition("://")[2] == host


def _named(request: web.Request) -> str:
    given = request.headers.getall("X-User-Id", [])
    if not given:
        raise Unauthenticated(
            "unauthenticated",
            "Nobody says who is asking: X-User-Id is missing, or on Lambda the claim of the gateway's authorizer.",
            challenge=CHALLENGE,
        )
    if len(given) > 1 or not USER_ID.fullmatch(given[0]):
        raise Unauthenticated(
            "invalid_user_id",
            "A user's id is given once: 1 to 128 letters, digits or ._@+=:|- and does not begin with any of .@+=:|",
            challenge=CHALLENGE,
        )
    return given[0]


@lru_cache(maxsize=32)
def _is_local(host: str) -> bool:
    """Whether an address or a bare name led here; a name of the public DNS anyone can point to this machine."""
    found = HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].lower().removesuffix(".")
    if name.startswith("[") or "." not in name or name.endswith(".localhost"):
        return True
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True
