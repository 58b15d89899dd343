"""The images of a user: list, one, edit, delete."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from service import logs
from service.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from service.http.auth import authenticated
from service.http.json_body import json_object, text_of, texts_of
from service.http.keys import SETTINGS, STORAGE
from service.http.parameters import read_cursor, read_filters, read_limit, refuse_unknown, write_cursor
from service.http.prefer import preferred_wait, settled
from service.http.views import answer, etag, view
from service.images import Receipt, Record, Status, is_image_id
from service.intake.labels import read_tags, read_title
from service.storage.catalog import Deleted
from service.storage.queued import queued_page

PARAMETERS = {"limit", "cursor", "status", "content_type", "tag", "from", "to", "order"}
EDITABLE = {"title", "tags"}


async def list_images(request: web.Request) -> web.Response:
    """A page of the user's records, newest first; with `status=queued` of the images that have none yet."""
    user_id = authenticated(request)
    refuse_unknown(request, PARAMETERS)
    filters, limit = read_filters(request.query), read_limit(request.query)
    after = read_cursor(request.query, filters)
    storage = request.app[STORAGE]
    images: Sequence[Record | Receipt]
    if filters.status is Status.QUEUED:
        images, last = await queued_page(storage.objects, storage.catalog, user_id, limit, filters, after)
    else:
        images, last = await storage.catalog.page(user_id, limit, filters, after)
    next_cursor = write_cursor(last, filters) if last else None
    return answer(
        {
            "images": [view(request, image) for image in images],
            "next_cursor": next_cursor,
            "direct_upload_from": request.app[SETTINGS].direct_upload_from,
        }
    )


async def get_image(request: web.Request) -> web.Response:
    """The record, or the receipt while the image is queued; `Prefer: wait` holds the answer until that is over."""
    user_id, image_id = authenticated(request), image_id_of(request)
    wait = preferred_wait(request)
    headers = {} if wait is None else {"Preference-Applied": f"wait={wait:g}"}
    known = await request.app[STORAGE].catalog.get(user_id, image_id)
    if known is None:
        receipt = await request.app[STORAGE].objects.queued_receipt(user_id, image_id)
        # Without a receipt the worker may have finished between the two looks.
        known = await settled(request, user_id, image_id, wait if receipt else None)
        if known is None and receipt:
            return answer(view(request, receipt), headers=headers)
    record = _existing(known, image_id)
    return answer(view(request, record), headers={"ETag": etag(record), **headers})


async def patch_image(request: web.Request) -> web.Response:
    """Change title or tags (RFC 7396); with `If-Match` only in that version."""
    user_id, image_id = authenticated(request), image_id_of(request)
    changes = await _changes(request)
    match = ",".join(request.headers.getall("If-Match", []))
    while True:
        record = await ready_record(request, user_id, image_id)
        edited = record.edited(changes.get("title", record.receipt.title), changes.get("tags", record.receipt.tags))
        if match and match.strip() != "*" and etag(record) not in (tag.strip() for tag in match.split(",")):
            if edited.receipt == record.receipt:
                # RFC 9110, section 13.1.1: an answer was lost, of DynamoDB's or of ours, and the client tries again.
                return answer(view(request, record), headers={"ETag": etag(record)})
            raise PreconditionFailed("version_mismatch", f"The image is at version {record.version} by now.")
        # Another edit may have come between; its values of the other field must not be lost.
        if await request.app[STORAGE].catalog.replace(edited, record.version):
            return answer(view(request, edited), headers={"ETag": etag(edited)})


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
    logs.note(image_id=image_id)
    return image_id


async def ready_record(request: web.Request, user_id: str, image_id: str) -> Record:
    """The record of an image that is there to be used.

    :raises Conflict: it is still queued, or was rejected, or has failed.
    :raises NotFound: there is no such image of this user.
    """
    storage = request.app[STORAGE]
    known = await storage.catalog.get(user_id, image_id)
    if known is None:
        if await storage.objects.queued_receipt(user_id, image_id):
            raise _not_ready(Status.QUEUED)
        known = await storage.catalog.get(user_id, image_id)
    record = _existing(known, image_id)
    if record.status is not Status.READY:
        raise _not_ready(record.status)
    return record


def _not_ready(status: Status) -> Conflict:
    return Conflict("image_not_ready", f"The image is {status}; only one that is ready can be shown or edited.")


def _existing(known: Record | Deleted | None, image_id: str) -> Record:
    if not isinstance(known, Record):
        raise NotFound("image_not_found", f"There is no image {image_id}.")
    return known


async def _changes(request: web.Request) -> dict[str, Any]:
    """The checked new values; only those that the request names."""
    given = await json_object(request, EDITABLE)
    changes: dict[str, Any] = {}
    if "title" in given:
        changes["title"] = read_title(text_of(given, "title"))
    if "tags" in given:
        changes["tags"] = read_tags(texts_of(given, "tags"))
    return changes
