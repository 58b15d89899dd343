"""What the modes of authentication share: their interface, and how a request carries its one credential."""

import re
from abc import ABC, abstractmethod

from aiohttp import web

from service.errors import Unauthenticated

# RFC 6750, section 2.1: a token68, which keys and tokens are.
BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE | re.ASCII)


class Authenticator(ABC):
    """Tells users apart."""

    @abstractmethod
    async def user_of(self, request: web.Request) -> str:
        """The user's id, which fits `USER_ID`.

        :raises Unauthenticated: the request does not say, or not credibly, who is asking.
        :raises Forbidden: a web page asks that has no business with this service.
        :raises Unavailable: that cannot be found out at the moment.
        """

    async def close(self) -> None:
        """Close what was opened."""
        return


def bearer_challenge(error: str | None = None) -> str:
    """What to answer with; `error` is one of RFC 6750, section 3.1, and left out where no credential was given."""
    return 'Bearer realm="cloud-images"' + (f', error="{error}"' if error else "")


def credential(request: web.Request, *more: str) -> str:
    """The one key or token of a request: `Authorization: Bearer …`, or the whole of one of the headers `more`.

    Never from the query, which ends up in logs and histories.

    :raises Unauthenticated: there is none, there are several, or it cannot be one.
    """
    ways = " or ".join(("Authorization: Bearer …", *(f"{name}: …" for name in more)))
    given = [(name, value) for name in ("Authorization", *more) for value in request.headers.getall(name, ())]
    if not given:
        raise Unauthenticated(
            "unauthenticated", f"Nobody says who is asking. Send {ways}", challenge=bearer_challenge()
        )
    ((name, value), *others) = given
    found = BEARER.fullmatch(value if name == "Authorization" else f"Bearer {value}")
    if others or found is None:
        detail = f"Send one credential, and that once: {ways}"
        raise Unauthenticated("unauthenticated", detail, challenge=bearer_challenge("invalid_request"))
    return found[1]
