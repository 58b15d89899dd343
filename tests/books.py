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
class Read:
    """What the table says of a user: his total, the bytes reserved by image, and the items of his images."""

    total: Sums | None
    reservations: dict[str, int]
    records: dict[str, Any]

    @property
    def sums(self) -> Sums:
        """What the total has to be."""
        sizes = [int(item["size"]["N"]) for item in self.records.values() if item["status"]["S"] in COUNTED]
        sizes += self.reservations.values()
        return len(sizes), sum(sizes)


@dataclass(frozen=True)
class Books:
    """The table of these settings."""

    settings: Settings
    dynamodb: Any

    async def items(self, partition: str) -> dict[str, Any]:
        """All items of a partition, which must be few, by their sort keys."""
        answer = await self.dynamodb.query(
            TableName=self.settings.table,
            KeyConditionExpression="user_id = :partition",
            ExpressionAttributeValues={":partition": {"S": partition}},
            ConsistentRead=True,
        )
        assert "LastEvaluatedKey" not in answer
        return {item["image_id"]["S"]: item for item in answer["Items"]}

    async def read(self, user: str) -> "Read":
        """All of a user."""
        usage = await self.items(f"usage#{user}")
        total = usage.pop("total", None)
        return Read(
            total=(int(total["images"]["N"]), int(total["bytes"]["N"])) if total else None,
            reservations={image_id: int(item["size"]["N"]) for image_id, item in usage.items()},
            records=await self.items(user),
        )

    async def exact(self, user: str) -> Sums:
        """Check that the total is right, and return it; also that no image counts twice."""
        read = await self.read(user)
        assert not set(read.reservations) & set(read.records), "an image has both a reservation and a record"
        assert (read.total or (0, 0)) == read.sums, read
        return read.sums

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
