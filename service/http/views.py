"""How receipts and records look in JSON: the same fields in both."""

from typing import Any

from aiohttp import web

from service.images import Receipt, Record, Status, created_at, rfc3339


def path_of(image_id: str) -> str:
    """The image's own address; relative to the host, so it holds behind any gateway."""
    return f"/v1/images/{image_id}"


def view(known: Receipt | Record) -> dict[str, Any]:
    """All that the service tells its owner of an image."""
    record = known if isinstance(known, Record) else None
    receipt = known.receipt if isinstance(known, Record) else known
    path = path_of(receipt.image_id)
    created = rfc3339(created_at(receipt.image_id))
    status = record.status if record else Status.QUEUED
    ready = status is Status.READY
    return {
        "image_id": receipt.image_id,
        "status": status,
        "content_type": receipt.content_type,
        "size": receipt.size,
        "sha256": receipt.sha256,
        "width": receipt.width,
        "height": receipt.height,
        "frames": receipt.frames,
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
        "links": {"self": path} | ({"content": f"{path}/content"} if ready else {}),
    }


def etag(record: Record) -> str:
    """The entity tag of a record: its version."""
    return f'"{record.version}"'


def answer(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer, which no cache keeps: a status changes by itself."""
    return web.json_response(body, status=status, headers={"Cache-Control": "no-store", **(headers or {})})
