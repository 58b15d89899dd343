"""`GET /v1/images/{id}/content`: the bytes of an image or a variant (RFC 9110: validators, ranges)."""

import re

from aiohttp import web

from service.errors import InvalidRequest, NotFound, RangeNotSatisfiable, Unavailable
from service.http.auth import authenticated
from service.http.images import image_id_of, ready_record
from service.http.keys import SETTINGS, STORAGE
from service.http.parameters import refuse_unknown
from service.images import EXTENSIONS, Record
from service.storage.objects import ORIGINAL, VARIANT_TYPE, VARIANTS

PARAMETERS = {"variant", "redirect"}
YEAR_SECONDS = 31_536_000
RANGE = re.compile(r"bytes=(?=\d|-\d)(\d{0,99})-(\d{0,99})", re.ASCII | re.IGNORECASE)
"""One range; several at once are answered with all bytes, as RFC 9110 allows."""


async def get_content(request: web.Request) -> web.StreamResponse:
    """The bytes; with `redirect=1` a presigned URL to fetch them from instead."""
    user_id, image_id = authenticated(request), image_id_of(request)
    refuse_unknown(request, PARAMETERS)
    name = request.query.get("variant", ORIGINAL)
    if name != ORIGINAL and name not in VARIANTS:
        raise InvalidRequest("invalid_parameter", f"`variant` is one of {', '.join((ORIGINAL, *sorted(VARIANTS)))}.")
    redirect = request.query.get("redirect", "0")
    if redirect not in ("0", "false", "1", "true"):
        raise InvalidRequest("invalid_parameter", "`redirect` is 1 or 0.")
    record = await ready_record(request, user_id, image_id)
    if name != ORIGINAL and name not in record.variants:
        # The worker that made this image knew fewer variants.
        raise NotFound("variant_not_found", f"Image {image_id} was made without the variant {name}.")
    if redirect in ("1", "true"):
        return await _elsewhere(request, record, name)
    return await _send(request, record, name)


async def _elsewhere(request: web.Request, record: Record, name: str) -> web.Response:
    seconds = request.app[SETTINGS].presign_seconds
    user_id, image_id = record.receipt.user_id, record.receipt.image_id
    url = await request.app[STORAGE].objects.presigned_url(user_id, image_id, name, seconds)
    return web.Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})


async def _send(request: web.Request, record: Record, name: str) -> web.StreamResponse:
    receipt = record.receipt
    kind, size = receipt.content_type, receipt.size
    if name != ORIGINAL:
        kind, size = VARIANT_TYPE, record.variants[name].size
    # The bytes under an id never change, so neither does their tag.
    tag = f'"{receipt.sha256}"' if name == ORIGINAL else f'"{receipt.sha256}-{name}"'
    headers = {
        "ETag": tag,
        "Cache-Control": f"private, max-age={YEAR_SECONDS}, immutable",
        "Accept-Ranges": "bytes",
    }
    if matches(",".join(request.headers.getall("If-None-Match", [])), tag):
        return web.Response(status=304, headers=headers)

    # RFC 9110, section 14.2: ranges are of GET only.
    span = _span(request, tag, size) if request.method == "GET" else None
    first, end = span or (0, size)
    most = request.app[SETTINGS].direct_upload_from
    if most is not None and end - first >= most and request.method == "GET":
        return await _elsewhere(request, record, name)  # so many bytes do not pass what stands before this service
    content = None
    if request.method != "HEAD":
        content = await request.app[STORAGE].objects.open_image(receipt.user_id, receipt.image_id, name, span)
        if content is None:
            raise NotFound("image_not_found", f"The bytes of image {receipt.image_id} are gone.")
        if content.size != end - first:
            # Not 404: bytes that came short this once are not gone.
            raise Unavailable("s3_unavailable", f"S3 has not all bytes of image {receipt.image_id} that were recorded.")
    headers |= {
        "Content-Type": kind,
        "Content-Length": str(end - first),
        "Content-Disposition": f'inline; filename="{receipt.image_id}.{EXTENSIONS[kind]}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if span:
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    response = web.StreamResponse(status=206 if span else 200, headers=headers)
    await response.prepare(request)
    if content is not None:
        try:
            async for chunk in content.chunks:
                await response.write(chunk)
        except Unavailable as error:
            # The answer has begun: only a cut connection can still say that it will not become whole.
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError(error.detail) from error
    await response.write_eof()
    return response


def matches(header: str, tag: str) -> bool:
    """Weak comparison, as RFC 9110, section 13.1.2 wants for `If-None-Match`."""
    return header.strip() == "*" or tag in (one.strip().removeprefix("W/") for one in header.split(","))


def _span(request: web.Request, tag: str, size: int) -> tuple[int, int] | None:
    """First byte and the one behind the last; None for all, also for a range that makes no sense, as the RFC says.

    :raises RangeNotSatisfiable: it lies outside the bytes.
    """
    wanted = RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted is None or request.headers.get("If-Range", tag) != tag:
        return None
    first, last = wanted.groups()
    if first and last and int(last) < int(first):
        return None
    begin, end = (int(first), size) if first else (max(0, size - int(last)), size)
    if first and last:
        end = min(int(last) + 1, size)
    if begin >= end:
        raise RangeNotSatisfiable(size)
    return begin, end
