"""`POST /v1/uploads`: the form with which a client posts an image straight to S3, past whatever stands before us."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from service import logs, traces
from service.errors import InvalidRequest, Refused
from service.http.auth import authenticated
from service.http.idempotency import deleted_since, earlier, idempotency_key
from service.http.json_body import json_object, text_of, texts_of
from service.http.keys import SETTINGS, STORAGE
from service.http.parameters import refuse_unknown
from service.http.views import answer, path_of, view
from service.images import MAX_BYTES, Receipt, new_image_id, rfc3339
from service.intake.formats import media_type
from service.intake.labels import metadata_too_large, read_filename, read_tags, read_title
from service.intake.receive import too_large
from service.storage.catalog import Deleted
from service.storage.direct import PresignedPost
from service.storage.objects import fits_metadata

MEMBERS = {"content_type", "size", "filename", "title", "tags"}
LARGEST = {"size": MAX_BYTES, "sha256": "0" * 64, "width": 99_999, "height": 99_999, "frames": 99_999}
"""What may come to be known of the bytes, at its longest."""


async def post_upload(request: web.Request) -> web.Response:
    """Promise an image id and hand out the form: 201. S3 holds the file to size and type, the worker to the rest."""
    user_id = authenticated(request)
    key = idempotency_key(request)
    refuse_unknown(request, set())
    receipt = _wanted(user_id, await json_object(request, MEMBERS))
    storage, seconds = request.app[STORAGE], request.app[SETTINGS].presign_seconds
    if key is not None:
        receipt, known = await earlier(storage, key, receipt)
        if isinstance(known, Deleted):
            raise deleted_since(receipt)
        if known is not None:
            return answer(view(request, known), headers={"Location": path_of(request, receipt.image_id)})
    logs.note(image_id=receipt.image_id)
    traces.note(traces.IMAGE_ID, receipt.image_id)
    # What fits is only reserved when the file is there: most forms that are asked for too early are never used.
    await storage.usage.check(user_id, receipt.size or 1, receipt.image_id)
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    form = await storage.direct.presigned_post(receipt, seconds)
    return _answer(request, receipt, form, expires_at)


def _wanted(user_id: str, given: dict[str, Any]) -> Receipt:
    """What the client says of its file, as far as it says it.

    :raises Refused: such a file would be refused.
    """
    content_type, size = text_of(given, "content_type"), given.get("size")
    if content_type is None:
        raise Refused("missing_content_type", "`content_type` is missing: the media type of the file.")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
        raise InvalidRequest("invalid_size", "`size` is the number of bytes of the file.")
    if size == 0:
        raise Refused("empty_body", "The file has no bytes.")
    if size and size > MAX_BYTES:
        raise too_large()
    receipt = Receipt(
        user_id=user_id,
        image_id=new_image_id(),
        content_type=media_type(content_type),
        size=size or 0,
        filename=read_filename(text_of(given, "filename")),
        title=read_title(text_of(given, "title")),
        tags=read_tags(texts_of(given, "tags")),
    )
    if not fits_metadata(replace(receipt, **LARGEST)):  # type: ignore[arg-type]
        raise metadata_too_large()
    return receipt


def _answer(request: web.Request, receipt: Receipt, form: PresignedPost, expires_at: datetime) -> web.Response:
    path = path_of(request, receipt.image_id)
    body = {
        "image_id": receipt.image_id,
        "method": "POST",
        "url": form.url,
        "fields": form.fields,
        "file_field": "file",
        "max_size": receipt.size or MAX_BYTES,
        "expires_at": rfc3339(expires_at),
        "links": {"self": path},
    }
    return answer(body, 201, {"Location": path})
