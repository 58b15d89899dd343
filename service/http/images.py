"""The images of a user: list, one, edit, delete."""

import base64
import hashlib
import json
from dataclasses import astuple
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from service.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed, Refused
from service.http.auth import authenticated
from service.http.keys import STORAGE
from service.http.prefer import preferred_wait, settled
from service.http.views import answer, etag, view
from service.images import Record, Status, is_image_id
from service.intake.formats import media_type
from service.intake.labels import read_tags, read_title
from service.storage.catalog import Deleted, Filters

LIMIT, MOST = 50, 200
PARAMETERS = {"limit", "cursor", "status", "content_type", "tag", "from", "to", "order"}
EDITABLE = {"title", "tags"}
BODY_BYTES = 16 * 1024


async def list_images(request: web.Request) -> web.Response:
    """A page of the user's records, newest first."""
    user_id = authenticated(request)
    query = request.query
    if unknown := set(query) - PARAMETERS:
        raise InvalidRequest("invalid_parameter", f"There is no parameter {min(unknown)[:100]!r}.")
    filters, limit = _filters(query), _limit(query.get("limit"))
    scope = hashlib.sha256(repr(astuple(filters)).encode()).hexdigest()[:16]
    after = _read_cursor(query["cursor"], scope) if "cursor" in query else None
    records, last = await request.app[STORAGE].catalog.page(user_id, limit, filters, after)
    return answer({"images": [view(record) for record in records], "next_cursor": last and _cursor(last, scope)})


async def get_image(request: web.Request) -> web.Response:
    """The record, or the receipt while the image is queued; `Prefer: wait` holds the answer until that is over."""
    user_id, image_id = authenticated(request), image_id_of(request)
    wait = preferred_wait(request)
    headers = {} if wait is None else {"Preference-Applied": f"wait={wait:g}"}
    known = await request.app[STORAGE].catalog.get(user_id, image_id)
    if known is None:
        receipt = await request.app[STORAGE].objects.staged_receipt(user_id, image_id)
        # Without a receipt the worker may have finished between the two looks.
        known = await settled(request, user_id, image_id, wait if receipt else None)
        if known is None and receipt:
            return answer(view(receipt), headers=headers)
    record = _existing(known, image_id)
    return answer(view(record), headers={"ETag": etag(record), **headers})


async def patch_image(request: web.Request) -> web.Response:
    """Change title or tags (RFC 7396); with `If-Match` only in that version."""
    user_id, image_id = authenticated(request), image_id_of(request)
    changes = await _changes(request)
    catalog = request.app[STORAGE].catalog
    while True:
        record = await record_of(request, user_id, image_id)
        if (match := request.headers.get("If-Match")) and match != "*" and etag(record) not in _entity_tags(match):
            raise PreconditionFailed("version_mismatch", f"The image is at version {record.version} by now.")
        edited = record.edited(changes.get("title", record.receipt.title), changes.get("tags", record.receipt.tags))
        if await catalog.replace(edited, record.version):
            return answer(view(edited), headers={"ETag": etag(edited)})


async def delete_image(request: web.Request) -> web.Response:
    """Delete an image, also one that is still queued; it never comes back. 204 whether there was one or not."""
    user_id, image_id = authenticated(request), image_id_of(request)
    storage = request.app[STORAGE]
    # First what holds against a worker that has the image in hand, then the bytes.
    await storage.catalog.delete(user_id, image_id)
    await storage.objects.delete_image(user_id, image_id)
    return web.Response(status=204)


def image_id_of(request: web.Request) -> str:
    """The id in the path.

    :raises InvalidRequest: it is not one.
    """
    image_id = request.match_info["image_id"]
    if not is_image_id(image_id):
        raise InvalidRequest("invalid_image_id", "An image id is a UUIDv7 in lower case.")
    return image_id


async def record_of(request: web.Request, user_id: str, image_id: str) -> Record:
    """The record of an image.

    :raises Conflict: it has none yet, because it is queued.
    :raises NotFound: there is no such image of this user.
    """
    storage = request.app[STORAGE]
    known = await storage.catalog.get(user_id, image_id)
    if known is None:
        if await storage.objects.staged_receipt(user_id, image_id):
            raise Conflict("image_not_ready", "The image is queued; it can be used when it is ready.")
        known = await storage.catalog.get(user_id, image_id)
    return _existing(known, image_id)


def _existing(known: Record | Deleted | None, image_id: str) -> Record:
    if not isinstance(known, Record):
        raise NotFound("image_not_found", f"There is no image {image_id}.")
    return known


def _filters(query: Any) -> Filters:
    try:
        status = Status(query["status"]) if "status" in query else None
        content_type = media_type(query["content_type"]) if "content_type" in query else None
        (tag,) = read_tags([query["tag"]]) if "tag" in query else (None,)
    except (ValueError, Refused) as error:
        detail = error.detail if isinstance(error, Refused) else str(error)
        raise InvalidRequest("invalid_parameter", f"A filter cannot be used: {detail}") from None
    if status in (Status.QUEUED, Status.DELETED):
        raise InvalidRequest("invalid_parameter", f"There are no records of {status} images; ask for one by its id.")
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest("invalid_parameter", "`order` is `desc` (newest first) or `asc`.")
    return Filters(
        status=status,
        content_type=content_type,
        tag=tag,
        since=_moment(query, "from"),
        until=_moment(query, "to"),
        oldest_first=order == "asc",
    )


def _moment(query: Any, name: str) -> datetime | None:
    if name not in query:
        return None
    try:
        # A "+" of an offset that was not percent-encoded arrives as a space.
        moment = datetime.fromisoformat(query[name].replace(" ", "+"))
    except ValueError:
        raise InvalidRequest("invalid_parameter", f"`{name}` is a time as in 2026-01-31T12:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST):
        raise InvalidRequest("invalid_parameter", f"`limit` is a number from 1 to {MOST}.")
    return int(text)


def _cursor(last: str, scope: str) -> str:
    return base64.urlsafe_b64encode(f"{scope}{last}".encode()).decode()


def _read_cursor(cursor: str, scope: str) -> str:
    try:
        text = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except ValueError:
        text = ""
    if not is_image_id(text[16:]) or text[:16] != scope:
        raise InvalidRequest(
            "invalid_cursor", "The cursor is not one of this list: use it with the filters it came with."
        )
    return text[16:]


def _entity_tags(match: str) -> list[str]:
    return [tag.strip() for tag in match.split(",")]


async def _changes(request: web.Request) -> dict[str, Any]:
    """The checked new values; only those that the request names."""
    if request.content_type not in ("application/json", "application/merge-patch+json"):
        raise InvalidRequest("invalid_body", "The body must be JSON, with Content-Type application/json.")
    body = await request.content.read(BODY_BYTES + 1)
    if len(body) > BODY_BYTES:
        raise InvalidRequest("invalid_body", f"The body may have at most {BODY_BYTES} bytes.")
    try:
        given = json.loads(body)
    except ValueError:
        raise InvalidRequest("invalid_body", "The body is not JSON.") from None
    if not isinstance(given, dict) or set(given) - EDITABLE:
        raise InvalidRequest("invalid_body", "The body must be an object with `title`, `tags` or both.")
    changes: dict[str, Any] = {}
    if "title" in given:
        if not isinstance(given["title"], str | None):
            raise InvalidRequest("invalid_title", "A title is a text, or null to remove it.")
        changes["title"] = read_title(given["title"])
    if "tags" in given:
        tags = given["tags"] or []
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise InvalidRequest("invalid_tags", "Tags are a list of texts, or null to remove them.")
        changes["tags"] = read_tags(tags)
    return changes
