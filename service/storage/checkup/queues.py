"""The queue, its dead letters, and what may be done with them, without taking or delaying anybody's message."""

import json
from typing import Any

from botocore.exceptions import ClientError

from service.findings import Examination, State, unchecked, warn, wrong
from service.settings import Settings
from service.storage.aws import error_code
from service.storage.checkup.hints import DENIED, PROVISION, explained, explaining
from service.storage.checkup.identity import NAME as CREDENTIALS
from service.storage.checkup.reach import CLOCK_NAME as CLOCK
from service.storage.checkup.reach import reach_of
from service.storage.queue import Queue

NAME, DEAD = "queue", "dead-letter queue"
TEST_EVENT = json.dumps({"Service": "cloud-images doctor", "Event": "s3:TestEvent"})
"""S3 itself sends one when notifications are switched on; a worker deletes it and does nothing else."""
NO_HANDLE = "cloud-images-doctor"
Attributes = dict[str, str]


async def check_queues(examination: Examination, settings: Settings, sqs: Any, queue: Queue) -> None:
    """Are they there, does one lead to the other, and may these credentials do what service and worker do?"""
    urls: dict[str, str] = {}
    told: dict[str, Attributes] = {}

    async def there(name: str, missing: State = State.WRONG, whose: str = "") -> str:
        with explaining("sqs:GetQueueUrl and sqs:GetQueueAttributes", name, missing=missing, whose=whose):
            urls[name] = (await sqs.get_queue_url(QueueName=name))["QueueUrl"]
            answer = await sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["All"])
        told[name] = answer.get("Attributes", {})
        if "QueueArn" not in told[name]:
            wrong("its answer has no QueueArn", "see AWS_ENDPOINT_URL_SQS: what answers there is not SQS")
        return f"{name} is there"

    async def dead() -> str:
        seen = await there(settings.dead_letter_queue, State.UNCHECKED, "the worker's, or for `redrive`")
        if count := int(told[settings.dead_letter_queue].get("ApproximateNumberOfMessages", 0)):
            warn(
                f"{seen}, with {count} dead letter{'s' if count != 1 else ''}",
                "mend what they failed of (see the log), then run: cloud-images redrive",
            )
        return f"{seen}, and empty"

    async def redrive() -> str:
        return _redrive(told[settings.queue], told.get(settings.dead_letter_queue), settings)

    async def hidden() -> str:
        seconds = int(told[settings.queue].get("VisibilityTimeout", 0))
        if seconds < settings.visibility_seconds:
            warn(
                f"on Lambda a message is hidden for {seconds} s, not VISIBILITY_SECONDS={settings.visibility_seconds}",
                _set(settings.queue, f"VisibilityTimeout={settings.visibility_seconds}"),
            )
        return f"{seconds} seconds"

    async def send() -> str:
        # Through the service's own way to SQS.
        with explaining("sqs:SendMessage", told[settings.queue]["QueueArn"]):
            await queue.send(TEST_EVENT)
        return "a message of S3's kind of test was sent, which a worker deletes"

    async def take() -> str:
        await _take(sqs, urls[settings.queue], told[settings.queue]["QueueArn"])
        return "receive, delete and hide are allowed; no message was touched"

    async def there_live() -> str:
        return await there(settings.queue)

    await examination.check(NAME, there_live, CREDENTIALS, reach_of("sqs"), CLOCK)
    await examination.check(DEAD, dead, CREDENTIALS, reach_of("sqs"), CLOCK)
    await examination.check("redrive policy", redrive, NAME)
    await examination.check("visibility", hidden, NAME)
    await examination.check("sqs send", send, NAME)
    await examination.check("sqs receive", take, NAME)


def _redrive(queue: Attributes, dead: Attributes | None, settings: Settings) -> str:
    if not queue.get("RedrivePolicy"):
        wrong("the queue has none: what cannot be processed comes again for ever", PROVISION)
    policy = json.loads(queue["RedrivePolicy"])
    target, most = str(policy.get("deadLetterTargetArn", "")), int(policy.get("maxReceiveCount", 0))
    policy_wanted = json.dumps(policy | {"maxReceiveCount": settings.max_deliveries})
    if target.rpartition(":")[2] != settings.dead_letter_queue:
        wrong(
            f"dead letters go to {target.rpartition(':')[2]}, where `redrive` does not look",
            f"set IMAGE_DEAD_LETTER_QUEUE={target.rpartition(':')[2]}, or give the queue another policy",
        )
    if most != settings.max_deliveries:
        warn(
            f"{most} deliveries, not MAX_DELIVERIES={settings.max_deliveries}; the queue's number counts",
            _set(settings.queue, "'" + json.dumps({"RedrivePolicy": policy_wanted}) + "'"),
        )
    if dead and int(dead.get("MessageRetentionPeriod", 0)) < int(queue.get("MessageRetentionPeriod", 0)):
        warn(
            "dead letters are kept for a shorter time than messages, and their age counts from the first sending",
            _set(settings.dead_letter_queue, f"MessageRetentionPeriod={queue['MessageRetentionPeriod']}"),
        )
    return f"after {most} deliveries to {settings.dead_letter_queue}"


def _set(queue: str, attributes: str) -> str:
    """What sets attributes of a queue."""
    url = f"$(aws sqs get-queue-url --queue-name {queue} --query QueueUrl --output text)"
    return f"run: aws sqs set-queue-attributes --queue-url {url} --attributes {attributes}"


async def _take(sqs: Any, url: str, arn: str) -> None:
    """Ask for what SQS must refuse, for another reason than that it is not allowed.

    A real receive would count as a delivery of somebody's message.
    """
    calls = {
        "sqs:ReceiveMessage": sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=0, VisibilityTimeout=0),
        "sqs:DeleteMessage": sqs.delete_message(QueueUrl=url, ReceiptHandle=NO_HANDLE),
        "sqs:ChangeMessageVisibility": sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=NO_HANDLE, VisibilityTimeout=0
        ),
    }
    try:
        for action, call in calls.items():
            try:
                await call
            except ClientError as error:
                code, status = error_code(error), error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
                if code in DENIED:
                    raise explained(error, action, arn, State.WARNING, "the worker's") from None
                if status >= 500:
                    unchecked(f"SQS does not say whether {action} is allowed: {code}", "run again")
    finally:
        for call in calls.values():
            call.close()
