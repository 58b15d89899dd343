"""The part of Lambda that stands between a queue and a function: it polls, invokes, and deletes what did not fail.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from service.settings import Settings
from tests.backstage import Backstage, until
from tests.driver import Client
from tests.functions import Function
from tests.pictures import jpeg_progressive

RETRY_SECONDS = 2
"""The fixture `worker` has it."""
ATTRIBUTES = ("ApproximateReceiveCount", "SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp")


@dataclass(frozen=True)
class EventSource:
    """The event source of a queue, with `ReportBatchItemFailures`."""

    settings: Settings
    backstage: Backstage

    async def receive(self, most: int = 10) -> list[dict[str, Any]]:
        """Messages that are there now, as records of an event."""
        answer = await self.backstage.sqs.receive_message(
            QueueUrl=await self._url(),
            MaxNumberOfMessages=most,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            VisibilityTimeout=self.settings.visibility_seconds,
        )
        return [self._record(message) for message in answer.get("Messages", ())]

    async def wait_for(self, count: int) -> list[dict[str, Any]]:
        """As many messages, as soon as they can be received."""
        records: list[dict[str, Any]] = []

        async def enough() -> bool:
            records.extend(await self.receive(count - len(records)))
            return len(records) >= count

        await until(enough)
        return records

    async def deliver(self, function: Function, records: list[dict[str, Any]], seconds: float = 29) -> list[int]:
        """Invoke the function with these records and delete those that it does not name; the places of the others."""
        answer = await function.invoke({"Records": records}, seconds)
        assert answer.keys() == {"batchItemFailures"}
        failed = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
        assert set(failed) <= {record["messageId"] for record in records}, "an unknown id makes the whole batch fail"
        for message_id, record in {record["messageId"]: record for record in records}.items():
            if message_id not in failed:
                handle = record["receiptHandle"]
                await self.backstage.sqs.delete_message(QueueUrl=await self._url(), ReceiptHandle=handle)
        return [place for place, record in enumerate(records) if record["messageId"] in failed]

    async def give_back(self, record: dict[str, Any]) -> None:
        """Let a message come again at once, as after an invocation that nobody ran."""
        await self.backstage.sqs.change_message_visibility(
            QueueUrl=await self._url(), ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
        )

    async def purge(self) -> None:
        """Remove all messages and dead letters, S3's test event among them."""
        await self.backstage.sqs.purge_queue(QueueUrl=await self._url())
        await self.backstage.dead_letters()

    async def drain(self, function: Function) -> None:
        """Deliver until the queue is empty."""

        async def empty() -> bool:
            if records := await self.receive():
                await self.deliver(function, records)
            return await self.backstage.messages() == 0

        await until(empty)

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": {name: message["Attributes"][name] for name in ATTRIBUTES},
            "messageAttributes": {
                name: {
                    "stringValue": value["StringValue"],
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": value["DataType"],
                }
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{self.settings.queue}",
            "awsRegion": "us-east-1",
        }

    async def _url(self) -> str:
        url: str = (await self.backstage.sqs.get_queue_url(QueueName=self.settings.queue))["QueueUrl"]
        return url


async def upload(client: Client, data: bytes | None = None, content_type: str = "image/jpeg") -> str:
    """Upload these bytes, or some small picture, over HTTP; the image's path."""
    answer = await client.upload(BytesIO(jpeg_progressive().data if data is None else data), content_type)
    assert answer.status == 202, answer
    return answer.headers["Location"]


async def status_of(client: Client, path: str) -> str:
    """What the service says of an image now."""
    return str((await client.get(path)).json["status"])
