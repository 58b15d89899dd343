"""A look at what is in AWS, past the service: with botocore's own clients."""

from dataclasses import dataclass
from typing import Any

from service.settings import Settings


@dataclass(frozen=True)
class Aws:
    """Bucket and table of these settings."""

    settings: Settings
    s3: Any
    dynamodb: Any

    async def keys(self, part: str = "") -> list[str]:
        """All keys in the bucket that have `part` in them."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.settings.bucket)
        found = [str(entry["Key"]) async for page in pages for entry in page.get("Contents", ())]
        return [key for key in found if part in key]

    async def items(self, user_id: str) -> list[dict[str, Any]]:
        """All items of a user in the table, tombstones included."""
        answer = await self.dynamodb.query(
            TableName=self.settings.table,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": {"S": user_id}},
        )
        items: list[dict[str, Any]] = answer["Items"]
        return items
