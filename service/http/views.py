"""How receipts and records look in JSON: the same fields in both."""

import re
from typing import Any

from aiohttp import web

from service.http.keys import SETTINGS
from service.images import Receipt, Record, Status, created_at, rfc3339

PREFIX = re.compile(r"(/[A-Za-z0-9._~$-]+)*")


def prefix_of(request: web.Request) -> str:
    """What a gateway says it puts before the path; empty when it is nothing, or makes no sense."""
    prefix = request.headers.get("X-Forwarded-Prefix", "").rstrip("/")
    return prefix if PREFIX.fullmatch(prefix) else ""


def path_of(request: web.Request, image_id: str) -> str:
    """The image's own address; relative to the host, and behind what a gateway puts before the path."""
    return f"{prefix_of(request)}/v1/images/{image_id}"


def view(request: web.Request, known: Receipt | Record) -> dict[str, Any]:
    """All that the service tells its owner of an image; what nobody knows yet is null."""
    record = known if isinstance(known, Record) else None
    receipt = known.receipt if isinstance(known, Record) else known
    path = path_of(request, receipt.image_id)
    created = rfc3339(created_at(receipt.image_id))
    status = record.status if record else Status.QUEUED
    ready = status is Status.READY
    return {
        "image_id": receipt.image_id,
        "status": status,
        "content_type": receipt.content_type,
        "size": receipt.size,
        "sha256": receipt.sha256 or None,
        "width": receipt.width or None,
        "height": receipt.height or None,
        "frames": receipt.frames or None,
        "filename": receipt.filename,
        "title": receipt.title,
        "tags": list(receipt.tags),
        "created_at": created,
        "updated_at": rfc3339(record.updated_at) if record else created,
        "version": record.version if record else 0,
        "placeholder": record.placeholder if record else None,
        "variants": {
            name: {
                "url": f"{path}/content?variant={name}",
                "width": variant.width,
                "height": variant.height,
                "size": variant.size,
            }
            for name, variant in (record.variants if record else {}).items()
        },
        "reason": {"code": record.reason.code, "detail": record.reason.detail} if record and record.reason else None,
        "direct_upload_from": request.app[SETTINGS].direct_upload_from,
        "links": {"self": path} | ({"content": f"{path}/content"} if ready else {}),
    }


def etag(record: Record) -> str:
    """The entity tag of a record: its version."""
    return f'"{record.version}"'


def answer(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer, which no cache keeps: a status changes by itself."""
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store", **(headers or {})})
