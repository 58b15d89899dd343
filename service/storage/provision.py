"""Creates what is missing in AWS. What is there already is used as it is; running it twice does no harm."""

import json
import logging
from typing import Any

from botocore.exceptions import ClientError

from service.errors import SettingsError
from service.settings import Settings
from service.storage.aws import clients, error_code, translated, unless
from service.storage.provision_bucket import provision_bucket, provision_notification

log = logging.getLogger(__name__)

QUEUE_RETENTION_SECONDS = 14 * 86_400
KEYS = [("user_id", "HASH"), ("image_id", "RANGE")]


async def provision(settings: Settings) -> None:
    """Make sure that bucket, table and queues are there, with lifecycle, TTL and redrive policy.

    :raises SettingsError: something of that name is there that cannot serve.
    :raises Unavailable: AWS does not answer as it should.
    """
    async with clients(settings, "s3", "sqs", "dynamodb") as (s3, sqs, dynamodb):
        with translated("s3"):
            await provision_bucket(s3, settings)
        with translated("sqs"):
            queue_url = await _queues(sqs, settings)
        with translated("s3"):
            await provision_notification(s3, sqs, settings, queue_url)
        with translated("dynamodb"):
            await _table(dynamodb, settings)


async def _queues(sqs: Any, settings: Settings) -> str:
    """The URL of the queue, which is there afterwards together with its dead-letter queue."""
    retention = {"MessageRetentionPeriod": str(QUEUE_RETENTION_SECONDS)}
    dead = await _queue(sqs, settings.dead_letter_queue, retention)
    answer = await sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    policy = {
        "deadLetterTargetArn": answer["Attributes"]["QueueArn"],
        "maxReceiveCount": settings.max_deliveries,
    }
    redrive = {"RedrivePolicy": json.dumps(policy)}
    visibility = {"VisibilityTimeout": str(settings.visibility_seconds)}
    queue = await _queue(sqs, settings.queue, retention | visibility | redrive)
    answer = await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])
    if not answer.get("Attributes", {}).get("RedrivePolicy"):
        await sqs.set_queue_attributes(QueueUrl=queue, Attributes=redrive)
        log.info("gave queue %s its redrive policy", settings.queue)
    return queue


async def _queue(sqs: Any, name: str, attributes: dict[str, str]) -> str:
    try:
        url: str = (await sqs.get_queue_url(QueueName=name))["QueueUrl"]
    except ClientError as error:
        if "NonExistentQueue" not in error_code(error) and error_code(error) != "QueueDoesNotExist":
            raise
        url = (await sqs.create_queue(QueueName=name, Attributes=attributes))["QueueUrl"]
        log.info("created queue %s", name)
    return url


async def _table(dynamodb: Any, settings: Settings) -> None:
    table = settings.table
    async with unless("ResourceInUseException"):
        await dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in KEYS],
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in KEYS],
            BillingMode="PAY_PER_REQUEST",
        )
        log.info("created table %s", table)
    await dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    there = (await dynamodb.describe_table(TableName=table))["Table"]
    types = {one["AttributeName"]: one["AttributeType"] for one in there["AttributeDefinitions"]}
    keys = {(key["AttributeName"], key["KeyType"], types[key["AttributeName"]]) for key in there["KeySchema"]}
    if keys != {(name, kind, "S") for name, kind in KEYS}:
        raise SettingsError(
            f"Table {table} exists with other keys than user_id (HASH) and image_id (RANGE), both strings."
        )
    described = await dynamodb.describe_time_to_live(TableName=table)
    if described["TimeToLiveDescription"].get("TimeToLiveStatus", "DISABLED") == "DISABLED":
        await dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )
        log.info("switched on TTL of table %s", table)
