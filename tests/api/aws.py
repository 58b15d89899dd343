"""A look at what is in AWS, past the service: with botocore's own clients."""

from typing import Any

from service.settings import Settings
from service.storage.aws import clients


async def keys(settings: Settings) -> list[str]:
    """All keys in the bucket."""
    async with clients(settings, "s3") as (s3,):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=settings.bucket)
        return [entry["Key"] async for page in pages for entry in page.get("Contents", ())]


async def items(settings: Settings, user_id: str) -> list[dict[str, Any]]:
    """All items of a user in the table, tombstones included."""
    async with clients(settings, "dynamodb") as (dynamodb,):
        answer = await dynamodb.query(
            TableName=settings.table,
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": {"S": user_id}},
        )
        found: list[dict[str, Any]] = answer["Items"]
        return found
