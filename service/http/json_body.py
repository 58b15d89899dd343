"""Small JSON bodies, read strictly."""

import json
from collections.abc import Set
from typing import Any

from aiohttp import web

from service.errors import InvalidRequest
from service.http.body import body_chunks

BODY_BYTES = 16 * 1024


async def json_object(request: web.Request, members: Set[str]) -> dict[str, Any]:
    """The object in the body, which may have these members.

    :raises InvalidRequest: it is no such object.
    """
    if request.content_type not in ("application/json", "application/merge-patch+json"):
        raise InvalidRequest("invalid_body", "The body must be JSON, with Content-Type application/json.")
    body = b""
    async for chunk in body_chunks(request):
        body += chunk
        if len(body) > BODY_BYTES:
            raise InvalidRequest("invalid_body", f"The body may have at most {BODY_BYTES} bytes.")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("invalid_body", "The body is not JSON.") from None
    if not isinstance(given, dict) or set(given) - members:
        names = ", ".join(f"`{name}`" for name in sorted(members))
        raise InvalidRequest("invalid_body", f"The body must be an object with nothing but {names} in it.")
    return given


def text_of(given: dict[str, Any], name: str) -> str | None:
    """A member that is a text; None when it is null or not there.

    :raises InvalidRequest: it is something else.
    """
    value = given.get(name)
    if not isinstance(value, str | None):
        raise InvalidRequest(f"invalid_{name}", f"`{name}` is a text, or null.")
    return value


def texts_of(given: dict[str, Any], name: str) -> list[str]:
    """A member that is a list of texts; empty when it is null or not there.

    :raises InvalidRequest: it is something else.
    """
    values = [] if given.get(name) is None else given[name]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidRequest(f"invalid_{name}", f"`{name}` is a list of texts, or null.")
    return values
