"""What is in AWS in the end, read with botocore's own clients, past everything that is under test."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from service.settings import Settings
from service.storage.aws import clients
from tests.subscribers import Subscriber

AT_ONCE = 16
COUNTS = [f"ApproximateNumberOfMessages{part}" for part in ("", "NotVisible", "Delayed")]
_plain = TypeDeserializer().deserialize

Item = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """Sizes of all objects by key, hashes of the originals by key, all items, messages waiting, dead letters.

    `heard` are the images and statuses that the topic was told of, without how often.
    """

    sizes: dict[str, int]
    hashes: dict[str, str]
    items: list[Item]
    messages: int
    dead_letters: list[str]
    heard: frozenset[tuple[str, str]]

    @property
    def records(self) -> dict[str, Item]:
        """The items that are records, by image; ids are unique over all users."""
        return {item["image_id"]: item for item in self.items if "#" not in item["user_id"]}


class Look:
    """Looks at what these settings name."""

    def __init__(self, settings: Settings, s3: Any, sqs: Any, dynamodb: Any, subscriber: Subscriber) -> None:
        self._settings = settings
        self._subscriber = subscriber
        self._heard: set[tuple[str, str]] = set()
        self._s3, self._sqs, self._dynamodb = s3, sqs, dynamodb

    async def everything(self) -> Found:
        """All that there is. Dead letters are only looked at."""
        sizes = {
            one["Key"]: one["Size"]
            async for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._settings.bucket)
            for one in page.get("Contents", ())
        }
        limit = asyncio.Semaphore(AT_ONCE)

        async def hashed(key: str) -> tuple[str, str]:
            async with limit:
                body = (await self._s3.get_object(Bucket=self._settings.bucket, Key=key))["Body"]
                return key, hashlib.sha256(await body.read()).hexdigest()

        hashes = dict(await asyncio.gather(*(hashed(key) for key in sizes if key.endswith("/original"))))
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._settings.table, ConsistentRead=True)
        items = [_read(item) async for page in pages for item in page["Items"]]
        self._heard.update(await self._subscriber.statuses())
        dead_letters = await self._dead_letters()
        return Found(sizes, hashes, items, await self.messages(), dead_letters, frozenset(self._heard))

    async def messages(self) -> int:
        """How many messages the queue has, hidden and delayed ones included."""
        url = await self._url(self._settings.queue)
        counts = await self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS)
        return sum(map(int, counts["Attributes"].values()))

    async def _dead_letters(self) -> list[str]:
        url = await self._url(self._settings.dead_letter_queue)
        seen: dict[str, str] = {}
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600}
        while messages := (await self._sqs.receive_message(**asked)).get("Messages"):
            seen |= {message["ReceiptHandle"]: str(message["Body"]) for message in messages}
        for handle in seen:
            await self._sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
        return sorted(seen.values())

    async def _url(self, queue: str) -> str:
        url: str = (await self._sqs.get_queue_url(QueueName=queue))["QueueUrl"]
        return url


@asynccontextmanager
async def looking_at(settings: Settings, subscriber: Subscriber) -> AsyncIterator[Look]:
    """A look at what these settings name, and at what one has heard who has subscribed."""
    async with clients(settings, "s3", "sqs", "dynamodb") as (s3, sqs, dynamodb):
        yield Look(settings, s3, sqs, dynamodb, subscriber)


def _read(item: dict[str, Any]) -> Item:
    return {name: _plain(value) for name, value in item.items()}
