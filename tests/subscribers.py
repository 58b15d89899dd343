"""A topic of a test's own, and queues that have subscribed to it."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from service.settings import Settings
from service.storage.aws import clients


@dataclass(frozen=True)
class Subscriber:
    """A queue, and what SNS has put into it."""

    sqs: Any
    url: str
    raw: bool

    async def heard(self) -> list[dict[str, Any]]:
        """What has come since the last time, as SQS delivers it; bodies read as JSON under `said`."""
        bodies = [(message, json.loads(message["Body"])) for message in await self._taken()]
        return [
            {**message, "said": body if self.raw else json.loads(body["Message"]), "envelope": body}
            for message, body in bodies
        ]

    async def bodies(self) -> list[str]:
        """The messages that have come since the last time, in their envelopes or without, as they are."""
        bodies = [str(message["Body"]) for message in await self._taken()]
        return bodies if self.raw else [json.loads(body)["Message"] for body in bodies]

    async def _taken(self) -> list[dict[str, Any]]:
        taken: list[dict[str, Any]] = []
        asked = {"QueueUrl": self.url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
        while messages := (await self.sqs.receive_message(**asked)).get("Messages"):
            for message in messages:
                await self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                taken.append(message)
        return taken

    async def statuses(self) -> list[tuple[str, str]]:
        """Of what has come since the last time: image and status, in order."""
        return sorted((one["said"]["image_id"], one["said"]["status"]) for one in await self.heard())


@dataclass(frozen=True)
class Subscribed:
    """A topic and those who have subscribed."""

    arn: str
    sns: Any
    sqs: Any

    async def subscribe(self, *, raw: bool = True, policy: dict[str, Any] | None = None) -> Subscriber:
        """Another queue; with a filter policy it hears only of what that lets through."""
        fifo = {"FifoQueue": "true"} if self.arn.endswith(".fifo") else {}
        name = f"heard-{uuid.uuid4().hex[:12]}" + ".fifo" * bool(fifo)
        url = (await self.sqs.create_queue(QueueName=name, Attributes=fifo))["QueueUrl"]
        of = await self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        attributes = {"RawMessageDelivery": "true"} if raw else {}
        if policy:
            attributes["FilterPolicy"] = json.dumps(policy)
        await self.sns.subscribe(
            TopicArn=self.arn, Protocol="sqs", Endpoint=of["Attributes"]["QueueArn"], Attributes=attributes
        )
        return Subscriber(self.sqs, url, raw)


@asynccontextmanager
async def topic_of(settings: Settings, *, fifo: bool = False) -> AsyncIterator[Subscribed]:
    """A new topic where these settings' SNS is."""
    async with clients(settings, "sns", "sqs") as (sns, sqs):
        attributes = {"FifoTopic": "true"} if fifo else {}
        name = f"told-{uuid.uuid4().hex[:12]}" + ".fifo" * fifo
        arn = (await sns.create_topic(Name=name, Attributes=attributes))["TopicArn"]
        yield Subscribed(arn, sns, sqs)
