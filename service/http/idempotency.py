"""`Idempotency-Key`: the same key from the same user gives the same image, whatever happened in between."""

import hashlib
import re
from dataclasses import replace

from aiohttp import web

from service.errors import Conflict, InvalidRequest
from service.images import Receipt, Record
from service.storage import Storage
from service.storage.catalog import Deleted

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def idempotency_key(request: web.Request) -> str | None:
    """The key, or None.

    :raises InvalidRequest: it is not one, or there are several.
    """
    given = request.headers.getall("Idempotency-Key", [])
    if not given:
        return None
    if len(given) > 1 or not IDEMPOTENCY_KEY.fullmatch(given[0]):
        raise InvalidRequest(
            "invalid_idempotency_key",
            "Idempotency-Key must be given once: 1 to 255 printable ASCII characters.",
        )
    return given[0]


async def earlier(storage: Storage, key: str, receipt: Receipt) -> tuple[Receipt, Record | Deleted | None]:
    """The receipt under the id that `key` stands for, and what the catalog knows of that image.

    As long as the catalog knows nothing, the upload is simply accepted again under the same id: whatever happened to
    the earlier request, this makes it whole, and twice the same does no harm.

    :raises Conflict: the key was used for another upload.
    """
    what: tuple[object, ...] = (receipt.sha256, receipt.filename, receipt.title, receipt.tags)
    if not receipt.sha256:  # of a direct upload there are no bytes yet to tell it by
        what = (*what, receipt.content_type, receipt.size)
    fingerprint = hashlib.sha256(repr(what).encode()).hexdigest()
    image_id = await storage.idempotency_keys.claim(receipt.user_id, key, receipt.image_id, fingerprint)
    if image_id == receipt.image_id:
        return receipt, None
    return replace(receipt, image_id=image_id), await storage.catalog.get(receipt.user_id, image_id)


def deleted_since(receipt: Receipt) -> Conflict:
    """The answer to an upload whose image was deleted after the first request."""
    return Conflict("image_deleted", f"This upload became the image {receipt.image_id}, which has been deleted since.")
