"""Who is asking."""

from aiohttp import web

from service.errors import Unauthenticated
from service.http.rate_limit import allow
from service.images import USER_ID


def authenticated(request: web.Request) -> str:
    """The user's id, from the header `X-User-Id`, which whoever stands before this service has to set.

    :raises Unauthenticated: there is none, there are several, or it is not one.
    :raises TooManyRequests: this user asks too often.
    """
    given = request.headers.getall("X-User-Id", [])
    if not given:
        raise Unauthenticated(
            "unauthenticated", "Nobody says who is asking: X-User-Id, or the user's claim in the token, is missing."
        )
    if len(given) > 1 or not USER_ID.fullmatch(given[0]):
        raise Unauthenticated(
            "invalid_user_id",
            "A user's id is given once: 1 to 128 letters, digits or ._@+=:|- and does not begin with any of .@+=:|",
        )
    allow(request, given[0])
    return given[0]
