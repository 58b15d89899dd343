"""`POST /v1/images`: the way of an upload, from the headers to the receipt."""

from contextlib import suppress

from aiohttp import web

from service import logs, traces
from service.errors import Unavailable
from service.http.auth import authenticated
from service.http.body import Declared, body_chunks, check_headers
from service.http.idempotency import deleted_since, earlier, idempotency_key
from service.http.keys import LIMITS, SPOOL, STORAGE
from service.http.parameters import refuse_unknown
from service.http.prefer import preferred_wait, settled
from service.http.problems import problem
from service.http.views import answer, path_of, view
from service.images import Receipt, Record, Status, new_image_id
from service.intake.form import Form
from service.intake.labels import Labels, metadata_too_large, read_filename, read_tags, read_title
from service.intake.receive import Facts, receive
from service.intake.spool import Spooled
from service.storage.catalog import Deleted
from service.storage.objects import fits_metadata

PARAMETERS = {"filename", "title", "tags"}
"""Of a raw body; a form has them in it."""


async def post_image(request: web.Request) -> web.Response:
    """Take one image: 202 with its receipt, once it is durable; 201 with its record when the client waited for it."""
    user_id = authenticated(request)
    key = idempotency_key(request)
    wait = preferred_wait(request)
    storage = request.app[STORAGE]
    declared = check_headers(request)
    refuse_unknown(request, PARAMETERS if declared.boundary is None else set())
    if key is None:
        # Acceptance decides; but a user who has no room shall hear of it before he sends the bytes.
        await storage.usage.check(user_id, _at_least(request, declared))
    async with request.app[SPOOL].open() as spooled:
        facts, labels = await _receive(request, declared, spooled)
        receipt = _receipt(user_id, new_image_id(), facts, labels)
        known: Record | Deleted | None = None
        if key is not None:
            receipt, known = await earlier(storage, key, receipt)
        logs.note(image_id=receipt.image_id)
        traces.note(traces.IMAGE_ID, receipt.image_id)
        if known is None:
            await storage.staging.accept(receipt, spooled.content, keep_on_failure=key is not None)
    if known is None and wait is not None:
        # It is accepted by now, whatever becomes of the look at it.
        with suppress(Unavailable):
            known = await settled(request, user_id, receipt.image_id, wait)
    return _answer(request, receipt, known, waited=wait)


def _at_least(request: web.Request, declared: Declared) -> int:
    """How many bytes the image has at least, as far as the headers tell."""
    return (request.content_length or 1) if declared.boundary is None else 1


async def _receive(request: web.Request, declared: Declared, spooled: Spooled) -> tuple[Facts, Labels]:
    body, limits = body_chunks(request), request.app[LIMITS]
    if declared.boundary is not None:
        form = Form(body, declared.boundary)
        facts = await form.receive(limits, spooled)
        return facts, form.labels()
    query = request.query
    labels = Labels(
        read_filename(query.get("filename")),
        read_title(query.get("title")),
        read_tags(query.getall("tags", [])),
    )
    return await receive(body, declared.media_type, limits, spooled), labels


def _receipt(user_id: str, image_id: str, facts: Facts, labels: Labels) -> Receipt:
    receipt = Receipt(
        user_id=user_id,
        image_id=image_id,
        content_type=facts.content_type,
        size=facts.size,
        sha256=facts.sha256,
        width=facts.width,
        height=facts.height,
        frames=facts.frames,
        filename=labels.filename,
        title=labels.title,
        tags=labels.tags,
    )
    if not fits_metadata(receipt):
        raise metadata_too_large()
    return receipt


def _answer(
    request: web.Request, receipt: Receipt, known: Record | Deleted | None, waited: float | None
) -> web.Response:
    path = path_of(request, receipt.image_id)
    headers = {"Location": path}
    if waited is not None:
        headers["Preference-Applied"] = f"wait={waited:g}"
    if isinstance(known, Deleted):
        raise deleted_since(receipt)
    if known is None:
        return answer(view(request, receipt), 202, headers)
    if known.status is Status.REJECTED and known.reason:
        return problem(400, known.reason.code, known.reason.detail, headers, image_id=receipt.image_id)
    return answer(view(request, known), 201 if known.status is Status.READY else 202, headers)
