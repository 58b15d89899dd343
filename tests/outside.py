"""What the service and the worker keep outside of themselves, looked at past them, straight in AWS."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from service.settings import Settings
from service.storage.aws import clients


@dataclass(frozen=True)
class Outside:
    """Bucket, table and queue of these settings."""

    settings: Settings
    s3: Any
    sqs: Any
    dynamodb: Any
    queue_url: str

    async def keys(self) -> list[str]:
        """All keys in the bucket, which must be few."""
        listed = await self.s3.list_objects_v2(Bucket=self.settings.bucket)
        assert not listed["IsTruncated"]
        return sorted(one["Key"] for one in listed.get("Contents", ()))

    async def items(self) -> list[str]:
        """Partition and sort key of all items in the table, which must be few."""
        scanned = await self.dynamodb.scan(TableName=self.settings.table, ConsistentRead=True)
        assert "LastEvaluatedKey" not in scanned
        return sorted(f"{item['user_id']['S']} {item['image_id']['S']}" for item in scanned["Items"])

    async def messages(self) -> int:
        """How many messages the queue has, also hidden and delayed ones."""
        names = [f"ApproximateNumberOfMessages{part}" for part in ("", "NotVisible", "Delayed")]
        counts = await self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
        return sum(map(int, counts["Attributes"].values()))

    async def everything(self) -> tuple[list[str], list[str], int]:
        """Keys, items and messages."""
        keys, items, messages = await asyncio.gather(self.keys(), self.items(), self.messages())
        return keys, items, messages


@asynccontextmanager
async def outside_of(settings: Settings) -> AsyncIterator[Outside]:
    """A look at what is in AWS under these names."""
    async with clients(settings, "s3", "sqs", "dynamodb") as (s3, sqs, dynamodb):
        url = (await sqs.get_queue_url(QueueName=settings.queue))["QueueUrl"]
        yield Outside(settings, s3, sqs, dynamodb, url)
