"""Lists what waits for the worker and has no record yet: the images that are queued."""

import asyncio

from service.images import Receipt, Status
from service.storage.catalog import Catalog, Filters
from service.storage.objects import Objects

LOOKS_AT_ONCE = 16
MOST_LOOKS = 512
"""Most objects looked at for one page; beyond that the page is short and has a cursor."""


async def queued_page(
    objects: Objects, catalog: Catalog, user_id: str, limit: int, filters: Filters, after: str | None
) -> tuple[list[Receipt], str | None]:
    """Like `Catalog.page`, of the receipts of a user's queued images; `filters.status` counts as `queued`.

    :raises Unavailable: S3 or DynamoDB does not answer as it should.
    """
    ids = [image_id for image_id in await objects.queued_ids(user_id) if _within(image_id, filters, after)]
    ids.sort(reverse=not filters.oldest_first)
    receipts: list[Receipt] = []
    for at in range(0, min(len(ids), MOST_LOOKS), LOOKS_AT_ONCE):
        group = ids[at : at + LOOKS_AT_ONCE]
        found = await asyncio.gather(*(_queued(objects, catalog, user_id, image_id) for image_id in group))
        receipts += [receipt for receipt in found if receipt and _matches(receipt, filters)]
        if len(receipts) > limit:
            return receipts[:limit], receipts[limit - 1].image_id
    return receipts, ids[MOST_LOOKS - 1] if len(ids) > MOST_LOOKS else None


async def _queued(objects: Objects, catalog: Catalog, user_id: str, image_id: str) -> Receipt | None:
    # The record is asked for last: the staged bytes go after it has come.
    receipt = await objects.queued_receipt(user_id, image_id)
    return receipt if receipt and await catalog.get(user_id, image_id) is None else None


def _within(image_id: str, filters: Filters, after: str | None) -> bool:
    if after and (image_id <= after if filters.oldest_first else image_id >= after):
        return False
    return filters.span_includes(image_id)


def _matches(receipt: Receipt, filters: Filters) -> bool:
    if filters.status not in (None, Status.QUEUED):
        return False
    if filters.content_type not in (None, receipt.content_type):
        return False
    return filters.tag is None or filters.tag in receipt.tags
