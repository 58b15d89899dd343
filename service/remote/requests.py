"""How what a caller gives becomes parts of a request, and an answer becomes what he gets."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from yarl import URL

from service.remote.errors import ImagesError, Refused

Result = TypeVar("Result")
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FILTERS = {"status": "status", "content_type": "content_type", "tag": "tag", "order": "order"} | {
    "since": "from",
    "until": "to",
}


def checked_url(text: str) -> URL:
    """Where the service is.

    :raises ValueError: that is no address of the web, or has a password in it.
    """
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{text!r} is not the URL of a service; one is http://127.0.0.1:8080.")
    if url.user is not None or url.password is not None:
        # It would be shown with each error, and sent beside a token.
        raise ValueError("The URL of a service has no user and no password in it.")
    return url.with_query(None).with_fragment(None)


def credentials(user: str | None, api_key: str | None, token: str | None) -> dict[str, str]:
    """The headers that say who is asking.

    :raises ValueError: several of them are given, or what no header can carry.
    """
    given = {"X-User-Id": user, "X-API-Key": api_key, "Authorization": token and f"Bearer {token}"}
    headers = {name: text for name, text in given.items() if text}
    if len(headers) > 1:
        raise ValueError("A user, an API key and a token are three ways to say who is asking; give one of them.")
    for text in headers.values():
        if not (text.isascii() and text.isprintable()):
            raise ValueError("What says who is asking has printable ASCII characters only.")
    return headers


def path_of(image_id: str) -> str:
    """The path of an image.

    :raises Refused: that is no id, and could lead elsewhere.
    """
    if not ID.fullmatch(image_id):
        raise Refused(400, "invalid_image_id", f"{image_id!r} is not the id of an image.")
    return f"/v1/images/{image_id}"


def query_of(filters: Mapping[str, str | datetime | None]) -> dict[str, str]:
    """The parameters of a list.

    :raises TypeError: there is no such filter.
    """
    query: dict[str, str] = {}
    for name, value in filters.items():
        if name not in FILTERS:
            raise TypeError(f"There is no filter {name!r}; there are {', '.join(FILTERS)}.")
        if value is not None:
            query[FILTERS[name]] = value.isoformat() if isinstance(value, datetime) else value
    return query


def checked_query(query: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same parameters.

    :raises Refused: one has bytes of a command line that are no text. In a URL they would be left out: a filter by them
        would be none.
    """
    for name, value in query.items():
        if any("\ud800" <= one <= "\udfff" for one in str(value)):
            raise Refused(400, "invalid_parameter", f"`{name}` is no valid text.")
    return query


def read(reader: Callable[[Mapping[str, Any]], Result], body: Mapping[str, Any]) -> Result:
    """What `reader` makes of an answer.

    :raises ImagesError: it is not an answer of this service.
    """
    try:
        return reader(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ImagesError("What answers there is not this service: its answer has not the fields of one.") from error
