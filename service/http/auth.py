"""Who is asking."""

import re

from aiohttp import web

from service.errors import Unauthenticated

# What can be part of a key in S3 as it is, and cannot be taken for a partition of another kind in the table.
USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+=:|-]{0,127}")


def authenticated(request: web.Request) -> str:
    """The user's id, from the header `X-User-Id`, which whoever stands before this service has to set.

    :raises Unauthenticated: there is none, there are several, or it is not one.
    """
    given = request.headers.getall("X-User-Id", [])
    if not given:
        raise Unauthenticated("unauthenticated", "The header X-User-Id is missing.")
    if len(given) > 1 or not USER_ID.fullmatch(given[0]):
        raise Unauthenticated(
            "invalid_user_id",
            "X-User-Id must be given once: 1 to 128 letters, digits or ._@+=:|- and begin with a letter or digit.",
        )
    return given[0]
