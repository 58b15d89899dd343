"""The SQS queue: sends for the service; receive, hide and delete for the worker."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from service import traces
from service.settings import Settings
from service.storage.aws import calling, told, unavailable
from service.storage.batches import BATCH, Batches
from service.storage.messages import PARENT, STATE, Delivery, attributes, delivered
from service.storage.sqs import Sqs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Depth:
    """About how many messages a queue has: to be received, in the hands of a worker, and to come later."""

    waiting: int
    in_flight: int
    delayed: int


class Queue:
    """The queue of accepted uploads. All methods raise `Unavailable` when SQS does not answer as it should."""

    def __init__(self, client: Any, sqs: Sqs, settings: Settings) -> None:
        self._client = client
        self._sqs = sqs
        self._name = settings.queue
        self._endpoint = settings.endpoint_sqs
        self._visibility = settings.visibility_seconds
        self._url: str | None = None
        self._traced = settings.traces_to is not None
        self._sending: traces.Attributes = {
            "messaging.system": "aws_sqs",
            "messaging.destination.name": settings.queue,
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
        }
        self._sends = Batches(self._send)
        self._deletions = Batches(self._delete)
        self.expecting = self._sends.expecting

    async def url(self) -> str:
        """The queue's URL, asked for once."""
        if self._url is None:
            async with calling("sqs"):
                url: str = told("sqs", await self._client.get_queue_url(QueueName=self._name), "QueueUrl")
            # Emulators name queues by hosts that only resolve where they run.
            self._url = self._endpoint.rstrip("/") + urlsplit(url).path if self._endpoint else url
        return self._url

    async def send(self, body: str, trace: traces.Context | None = None) -> None:
        """Send a message; durable when this returns.

        :param trace: of a message that is sent once more, which stays where in its trace it was.
        """
        if trace is not None:
            await self._add(body, trace)
            return
        with traces.span("send message", self._sending, kind="producer") as span:
            await self._add(body, span.context)

    async def _add(self, body: str, trace: traces.Context | None) -> None:
        # The time limit counts from here: the entries before this one may be waiting for an SQS that does not answer.
        async with calling("sqs"):
            await self._sends.add((body, trace))

    async def delete(self, delivery: Delivery) -> None:
        """Delete a message; if it comes again all the same, that does no harm."""
        async with calling("sqs"):
            await self._deletions.add(delivery)

    async def hide(self, deliveries: Sequence[Delivery], seconds: int) -> None:
        """Let the messages come back after that many seconds from now; 0 gives them back at once."""
        for at in range(0, len(deliveries), BATCH):
            entries = [
                {"ReceiptHandle": delivery.handle, "VisibilityTimeout": seconds}
                for delivery in deliveries[at : at + BATCH]
            ]
            await self._request("ChangeMessageVisibilityBatch", entries)

    async def _send(self, messages: Sequence[tuple[str, traces.Context | None]]) -> list[Exception | None]:
        entries = [{"MessageBody": body, **(attributes(trace) if trace else {})} for body, trace in messages]
        return await self._request("SendMessageBatch", entries)

    async def _delete(self, deliveries: Sequence[Delivery]) -> list[Exception | None]:
        entries = [{"ReceiptHandle": delivery.handle} for delivery in deliveries]
        return await self._request("DeleteMessageBatch", entries)

    async def _request(self, action: str, entries: list[dict[str, Any]]) -> list[Exception | None]:
        """The verdict on each entry: SQS answers 200 also when it took only some of them."""
        url = await self.url()
        async with calling("sqs"):
            numbered = [{"Id": str(index), **entry} for index, entry in enumerate(entries)]
            answer = await self._sqs.call(action, {"QueueUrl": url, "Entries": numbered})
        for entry in answer.get("Failed") or ():
            log.warning("sqs: %s failed for a message: %s %s", action, entry.get("Code"), entry.get("Message"))
        taken = {entry.get("Id") for entry in answer.get("Successful") or ()}
        refused = unavailable("sqs")
        return [None if str(index) in taken else refused for index in range(len(entries))]

    async def receive(self, most: int, wait_seconds: int) -> list[Delivery]:
        """Up to `most` (at most 10) messages, waiting that long for the first."""
        url = await self.url()
        # A long poll may take longer than other calls, but not for ever: the others wait for what this one would bring.
        async with calling("sqs", wait_seconds):
            answer = await self._sqs.call(
                "ReceiveMessage",
                {
                    "QueueUrl": url,
                    "MaxNumberOfMessages": min(most, BATCH),
                    "WaitTimeSeconds": wait_seconds,
                    "VisibilityTimeout": self._visibility,
                    "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
                    **({"MessageAttributeNames": [PARENT, STATE]} if self._traced else {}),
                },
            )
        return [delivered(message, traced=self._traced) for message in answer.get("Messages") or ()]

    async def is_empty(self) -> bool:
        """Whether nothing is in the queue, hidden and delayed messages included (SQS counts approximately)."""
        depth = await self.depth()
        return not (depth.waiting or depth.in_flight or depth.delayed)

    async def depth(self) -> Depth:
        """How full the queue is."""
        names = [f"ApproximateNumberOfMessages{part}" for part in ("", "NotVisible", "Delayed")]
        counts = await self._attributes(*names)
        return Depth(*(int(told("sqs", counts, name)) for name in names))

    async def max_deliveries(self) -> int | None:
        """After how many deliveries SQS itself makes a message a dead letter; None when it never does."""
        policy = (await self._attributes("RedrivePolicy")).get("RedrivePolicy")
        return int(json.loads(policy)["maxReceiveCount"]) if policy else None

    async def check(self) -> None:
        """Whether the queue answers.

        :raises Unavailable: it does not, or there is none.
        """
        await self._attributes()

    async def _attributes(self, *names: str) -> dict[str, str]:
        """These of the queue's attributes that it has. Every queue has an ARN, by which an answer shows."""
        url = await self.url()
        async with calling("sqs"):
            answer = await self._client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn", *names])
        has: dict[str, str] = told("sqs", answer, "Attributes")
        told("sqs", has, "QueueArn")
        return has

    async def finish(self) -> None:
        """Wait for the requests that are under way."""
        await self._sends.finish()
        await self._deletions.finish()
