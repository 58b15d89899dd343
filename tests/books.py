"""A user's usage as the table itself has it, read past the service: is the total the sum of what it stands for?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from service.settings import Settings
from service.storage.aws import clients

COUNTED = ("ready", "failed")
Sums = tuple[int, int]
"""Images and bytes."""


@dataclass(frozen=True)
class Books:
    """The table of these settings."""

    settings: Settings
    dynamodb: Any

    async def items(self, partition: str) -> dict[str, Any]:
        """All items of a partition, by their sort keys."""
        pages = self.dynamodb.get_paginator("query").paginate(
            TableName=self.settings.table,
            KeyConditionExpression="user_id = :partition",
            ExpressionAttributeValues={":partition": {"S": partition}},
            ConsistentRead=True,
        )
        return {item["image_id"]["S"]: item async for page in pages for item in page["Items"]}

    async def total(self, user: str) -> Sums | None:
        """What the total says."""
        item = (await self.items(f"usage#{user}")).get("total")
        return (int(item["images"]["N"]), int(item["bytes"]["N"])) if item else None

    async def reservations(self, user: str) -> dict[str, int]:
        """Bytes by image."""
        items = await self.items(f"usage#{user}")
        return {name: int(item["size"]["N"]) for name, item in items.items() if name != "total"}

    async def sums(self, user: str) -> Sums:
        """What there is: records that count, and reservations."""
        records = (await self.items(user)).values()
        sizes = [int(item["size"]["N"]) for item in records if item["status"]["S"] in COUNTED]
        sizes += (await self.reservations(user)).values()
        return len(sizes), sum(sizes)

    async def exact(self, user: str) -> Sums:
        """Check that the total is right, and return it; also that no image counts twice."""
        reserved, records = await self.reservations(user), await self.items(user)
        assert not set(reserved) & set(records), "an image has both a reservation and a record"
        sums, total = await self.sums(user), await self.total(user)
        assert (total or (0, 0)) == sums, (total, sums)
        return sums

    async def spoil(self, user: str, images: int, size: int) -> None:
        """Write a wrong total, as nothing of ours does."""
        await self.dynamodb.update_item(
            TableName=self.settings.table,
            Key={"user_id": {"S": f"usage#{user}"}, "image_id": {"S": "total"}},
            UpdateExpression="SET images = :images, #bytes = :bytes",
            ExpressionAttributeNames={"#bytes": "bytes"},
            ExpressionAttributeValues={":images": {"N": str(images)}, ":bytes": {"N": str(size)}},
        )

    async def forget(self, user: str) -> None:
        """Remove the total and what else is said of usage, as if all records were from before there was any."""
        for key in await self.items(f"usage#{user}"):
            await self.dynamodb.delete_item(
                TableName=self.settings.table,
                Key={"user_id": {"S": f"usage#{user}"}, "image_id": {"S": key}},
            )


@asynccontextmanager
async def books_of(settings: Settings) -> AsyncIterator[Books]:
    """A look into the table of these settings."""
    async with clients(settings, "dynamodb") as (dynamodb,):
        yield Books(settings, dynamodb)
