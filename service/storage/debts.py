"""Of which images somebody has still to be told; for who writes a status without a message that comes again.

A note is written before the status and removed when it is told. It lies in the table of records, beside those of
`resends`, and ends by TTL as they do. A sweep comes upon it as it goes through the table, so that none costs nothing.
"""

import time
from typing import Any

from service.storage.aws import calling
from service.storage.items import Item, serialize
from service.storage.resends import KEPT_SECONDS, PARTITION

PREFIX = "untold/"


class Debts:
    """The notes. All methods raise `Unavailable` when DynamoDB does not answer as it should."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    async def note(self, user_id: str, image_id: str) -> None:
        """Note that somebody has to be told; twice is once."""
        ends = serialize({"expires_at": int(time.time()) + KEPT_SECONDS})
        async with calling("dynamodb"):
            await self._client.put_item(TableName=self._table, Item=_key(user_id, image_id) | ends)

    async def is_noted(self, user_id: str, image_id: str) -> bool:
        """Whether nobody was told yet."""
        async with calling("dynamodb"):
            answer = await self._client.get_item(
                TableName=self._table, Key=_key(user_id, image_id), ConsistentRead=True
            )
        return "Item" in answer

    async def strike(self, user_id: str, image_id: str) -> None:
        """Somebody was told."""
        async with calling("dynamodb"):
            await self._client.delete_item(TableName=self._table, Key=_key(user_id, image_id))


def debt_of(item: Item) -> tuple[str, str] | None:
    """The user and the image that an item of the table is a note of; None of any other item."""
    partition, what = item["user_id"]["S"], item["image_id"]["S"]
    if not (partition.startswith(PARTITION) and what.startswith(PREFIX)):
        return None
    return partition.removeprefix(PARTITION), what.removeprefix(PREFIX)


def _key(user_id: str, image_id: str) -> Item:
    return serialize({"user_id": f"{PARTITION}{user_id}", "image_id": f"{PREFIX}{image_id}"})
