"""The catalog: one DynamoDB item an image, in the table's own order, which is time order."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from service.images import Record, Status, first_id_at, rfc3339
from service.storage.aws import calling, told
from service.storage.items import Item, from_item, serialize, to_item
from service.storage.table import Table, contended, place
from service.storage.transitions import Held, Used, counted, transition
from service.storage.usage import TRIES, Usage

TOMBSTONE_SECONDS = 60 * 86_400
"""Longer than anything may lie there that an image could be made of again: messages 14 days, and staged bytes, of which
a sweep sends the message anew, 30 days and what S3 takes to remove them."""
FILTERED_PAGE = 500
MAX_QUERIES = 20
"""Most queries for one page of a filtered list; a rare tag among very many images gives short pages, not slow ones."""

FIRST_ID, LAST_ID = "0", "g"


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is left of a deleted image, so that it never comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which records a list shows; None means all. Times are `since` (inclusive) and `until` (exclusive)."""

    status: Status | None = None
    content_type: str | None = None
    tag: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    oldest_first: bool = False

    def span_includes(self, image_id: str) -> bool:
        """Whether `since` and `until` include the image: ids sort by time, so a span of time is a span of ids."""
        first = self.since is None or image_id >= first_id_at(self.since)
        return first and (self.until is None or image_id < first_id_at(self.until))


class Catalog:
    """The table. All methods raise `Unavailable` when DynamoDB does not answer as it should."""

    def __init__(self, table: Table, usage: Usage) -> None:
        self._table = table
        self._usage = usage

    async def get(self, user_id: str, image_id: str) -> Record | Deleted | None:
        """What the catalog knows of an image."""
        return _read(await self._table.get(user_id, image_id))

    async def several(self, images: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Record | Deleted]:
        """What it knows of up to 100 images (user's id, image's id), perhaps as of a moment ago.

        What is not there may be there all the same: who has to know that asks `get`.
        """
        found = {}
        for item in await self._table.get_several(images):
            if (known := _read(item)) is not None:
                found[item["user_id"]["S"], item["image_id"]["S"]] = known
        return found

    async def settle(self, record: Record) -> Record | Deleted | None:
        """Write an image's final status, unless it has one already: then None is written and that one returned.

        `failed` counts as not final, so that a dead letter that is brought back can still become `ready`; that is its
        next version. The user's usage changes with it.
        """
        receipt, after = record.receipt, counted(record.status, record.receipt.size)
        # Mostly there is nothing yet, which then need not be looked for.
        held = self._usage.likely(receipt.size)
        for _ in range(TRIES):
            if await self._table.write(*transition(self._table, to_item(record), held, after)):
                self._usage.learn(held)
                return None
            held, known = await self._look(receipt.user_id, receipt.image_id)
            if isinstance(known, Deleted) or (known and known.status is not Status.FAILED):
                return known
            if known:
                record = replace(record, version=known.version + 1)
            await self._usage.get(receipt.user_id)  # there may be no total yet
        raise contended()

    async def replace(self, record: Record, expected_version: int) -> bool:
        """Write the next version of a record; False when it is not at `expected_version` any more."""
        return await self._table.put_if(to_item(record), "version = :expected", expected=expected_version)

    async def delete(self, user_id: str, image_id: str) -> None:
        """Put a tombstone in the place of the record, whether there is one or not; the image is counted no more."""
        tombstone = serialize(
            {
                "user_id": user_id,
                "image_id": image_id,
                "status": Status.DELETED.value,
                "updated_at": rfc3339(datetime.now(UTC)),
                "expires_at": int(time.time()) + TOMBSTONE_SECONDS,
            }
        )
        for _ in range(TRIES):
            held, _ = await self._look(user_id, image_id)
            if await self._table.write(*transition(self._table, tombstone, held, Used())):
                return
            await self._usage.get(user_id)  # there may be no total yet
        raise contended()

    async def _look(self, user_id: str, image_id: str) -> tuple[Held, Record | Deleted | None]:
        known = await self.get(user_id, image_id)
        if isinstance(known, Record):
            return Held(status=known.status, size=known.receipt.size), known
        if isinstance(known, Deleted):
            return Held(status=Status.DELETED), known
        return Held(reservation=await self._usage.reservation(user_id, image_id)), None

    async def page(
        self, user_id: str, limit: int, filters: Filters, after: str | None = None
    ) -> tuple[list[Record], str | None]:
        """Up to `limit` records of a user behind the image `after`, and the image that the next page begins behind.

        A page may be shorter than `limit`, even empty, while there is a next one.
        """
        if filters.since and filters.until and filters.since >= filters.until:
            return [], None  # DynamoDB takes no span that ends before it begins
        query = _query(self._table.name, user_id, filters)
        filtered = filters.status or filters.content_type or filters.tag
        query["Limit"] = FILTERED_PAGE if filtered else limit + 1
        records: list[Record] = []
        for _ in range(MAX_QUERIES):
            if after:
                query["ExclusiveStartKey"] = place(user_id, after)
            async with calling("dynamodb"):
                answer = await self._table.client.query(**query)
            records += map(from_item, told("dynamodb", answer, "Items"))
            if len(records) > limit:
                return records[:limit], records[limit - 1].receipt.image_id
            if "LastEvaluatedKey" not in answer:
                return records, None
            after = answer["LastEvaluatedKey"]["image_id"]["S"]
        return records, after

    async def check(self) -> None:
        """Whether the table answers.

        :raises Unavailable: it does not, or there is none.
        """
        async with calling("dynamodb"):
            await self._table.client.get_item(TableName=self._table.name, Key=place("-", "-"))


def _read(item: Item | None) -> Record | Deleted | None:
    if item is None:
        return None
    return Deleted() if item["status"]["S"] == Status.DELETED else from_item(item)


def _query(table: str, user_id: str, filters: Filters) -> dict[str, Any]:
    first = first_id_at(filters.since) if filters.since else FIRST_ID
    last = first_id_at(filters.until) if filters.until else LAST_ID
    values = {":user": user_id, ":first": first, ":last": last, ":deleted": Status.DELETED.value}
    conditions = ["#status <> :deleted"]
    for name, condition in (
        ("status", "#status = :status"),
        ("content_type", "content_type = :content_type"),
        ("tag", "contains(tags, :tag)"),
    ):
        if value := getattr(filters, name):
            values[f":{name}"] = str(value)
            conditions.append(condition)
    return {
        "TableName": table,
        "KeyConditionExpression": "user_id = :user AND image_id BETWEEN :first AND :last",
        "FilterExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": serialize(values),
        "ScanIndexForward": filters.oldest_first,
        "ConsistentRead": True,
    }
