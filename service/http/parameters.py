"""Query parameters of a request, read strictly: a misspelt one shall not pass for one left out."""

import base64
import hashlib
from collections.abc import Mapping, Set
from dataclasses import astuple
from datetime import UTC, datetime

from aiohttp import web

from service.errors import InvalidRequest, Refused
from service.images import Status, is_image_id
from service.intake.formats import media_type
from service.intake.labels import read_tags
from service.storage.catalog import Filters

LIMIT, MOST = 50, 200
LISTED = [status.value for status in Status if status is not Status.DELETED]


def refuse_unknown(request: web.Request, known: Set[str]) -> None:
    """Hold the query to the parameters `known`, each given once (`tags` as often as one likes).

    :raises InvalidRequest: it has another one.
    """
    query = request.query
    if unknown := set(query) - known:
        raise InvalidRequest("invalid_parameter", f"There is no parameter {min(unknown)[:100]!r} here.")
    if repeated := [name for name in known if name != "tags" and len(query.getall(name, [])) > 1]:
        raise InvalidRequest("invalid_parameter", f"`{min(repeated)}` can be given once.")


def read_filters(query: Mapping[str, str]) -> Filters:
    """`status`, `content_type`, `tag`, `from`, `to` and `order`.

    :raises InvalidRequest: one of them makes no sense.
    """
    try:
        status = Status(query["status"]) if "status" in query else None
        content_type = media_type(query["content_type"]) if "content_type" in query else None
        tags = read_tags([query["tag"]]) if "tag" in query else ()
    except ValueError:
        raise InvalidRequest("invalid_parameter", f"`status` is one of {', '.join(LISTED)}.") from None
    except Refused as error:
        raise InvalidRequest("invalid_parameter", error.detail) from None
    if status is Status.DELETED:
        raise InvalidRequest("invalid_parameter", "Deleted images are gone; there is no list of them.")
    if "tag" in query and len(tags) != 1:
        raise InvalidRequest("invalid_parameter", "`tag` is one tag.")
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest("invalid_parameter", "`order` is `desc` (newest first) or `asc`.")
    return Filters(
        status=status,
        content_type=content_type,
        tag=tags[0] if tags else None,
        since=_moment(query, "from"),
        until=_moment(query, "to"),
        oldest_first=order == "asc",
    )


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        # The "+" of an offset that was not percent-encoded arrives as a space.
        moment = datetime.fromisoformat(query[name].replace(" ", "+"))
    except ValueError:
        raise InvalidRequest("invalid_parameter", f"`{name}` is a time as in 2026-01-31T12:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_limit(query: Mapping[str, str]) -> int:
    """`limit`, from 1 to 200; 50 when it is not given.

    :raises InvalidRequest: it is no such number.
    """
    text = query.get("limit", str(LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST):
        raise InvalidRequest("invalid_parameter", f"`limit` is a number from 1 to {MOST}.")
    return int(text)


def write_cursor(last: str, filters: Filters) -> str:
    """An opaque text that leads to what follows the image `last` in a list with these filters."""
    return base64.urlsafe_b64encode((_scope(filters) + last).encode()).decode()


def read_cursor(query: Mapping[str, str], filters: Filters) -> str | None:
    """The image that `cursor` stands for; None when there is no cursor.

    :raises InvalidRequest: it is none of a list with these filters.
    """
    if "cursor" not in query:
        return None
    scope = _scope(filters)
    try:
        text = base64.b64decode(query["cursor"], altchars=b"-_", validate=True).decode()
    except ValueError:
        text = ""
    last = text.removeprefix(scope)
    # DynamoDB refuses to begin outside of the span of ids that it is asked for.
    if not (text.startswith(scope) and is_image_id(last) and filters.span_includes(last)):
        raise InvalidRequest("invalid_cursor", "This is no cursor of this list: use it with the filters it came with.")
    return last


def _scope(filters: Filters) -> str:
    return hashlib.sha256(repr(astuple(filters)).encode()).hexdigest()[:16]
