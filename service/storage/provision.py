"""Creates what is missing in AWS. What is there already is used as it is; running it twice does no harm."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from botocore.exceptions import ClientError

from service.errors import SettingsError
from service.settings import Settings
from service.storage.aws import clients, error_code, translated

log = logging.getLogger(__name__)

QUEUE_RETENTION_SECONDS = 14 * 86_400
STAGED_DAYS = 30
"""Longer than queue and dead-letter queue together keep a message: staged bytes outlive all that points to them."""
LIFECYCLE: list[dict[str, Any]] = [
    {
        "ID": "cloud-images-staged",
        "Status": "Enabled",
        "Filter": {"Prefix": "incoming/"},
        "Expiration": {"Days": STAGED_DAYS},
    },
    {
        "ID": "cloud-images-direct",
        "Status": "Enabled",
        "Filter": {"Prefix": "direct/"},
        "Expiration": {"Days": STAGED_DAYS},
    },
    {
        "ID": "cloud-images-incomplete",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    },
]
CORS: dict[str, Any] = {
    "ID": "cloud-images",
    # Whoever has a presigned URL may use it from any page; without one, the bucket gives nothing away.
    "AllowedOrigins": ["*"],
    "AllowedMethods": ["GET", "HEAD", "POST"],
    "AllowedHeaders": ["*"],
    "ExposeHeaders": ["ETag"],
    "MaxAgeSeconds": 3600,
}
KEYS = [("user_id", "HASH"), ("image_id", "RANGE")]


async def provision(settings: Settings) -> None:
    """Make sure that bucket, table and queues are there, with lifecycle, TTL and redrive policy.

    :raises SettingsError: something of that name is there that cannot serve.
    :raises Unavailable: AWS does not answer as it should.
    """
    async with clients(settings, "s3", "sqs", "dynamodb") as (s3, sqs, dynamodb):
        with translated("s3"):
            await _bucket(s3, settings)
        with translated("sqs"):
            await _queues(sqs, settings)
        with translated("dynamodb"):
            await _table(dynamodb, settings)


@asynccontextmanager
async def _unless(*codes: str) -> AsyncIterator[None]:
    """Goes on when AWS says one of `codes`."""
    try:
        yield
    except ClientError as error:
        if error_code(error) not in codes:
            raise


async def _bucket(s3: Any, settings: Settings) -> None:
    bucket = settings.bucket
    try:
        await s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error_code(error) not in ("404", "NoSuchBucket"):
            raise
        elsewhere = {} if settings.region == "us-east-1" else {"LocationConstraint": settings.region}
        await s3.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": elsewhere} if elsewhere else {}))
        block = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        await s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=dict.fromkeys(block, True))
        log.info("created bucket %s", bucket)
    rules: list[dict[str, Any]] = []
    cors: list[dict[str, Any]] = []
    async with _unless("NoSuchLifecycleConfiguration"):
        rules = (await s3.get_bucket_lifecycle_configuration(Bucket=bucket)).get("Rules", [])
    missing = [rule for rule in LIFECYCLE if rule["ID"] not in {known.get("ID") for known in rules}]
    if missing:
        await s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*rules, *missing]})
        log.info("added lifecycle rules to bucket %s", bucket)

    async with _unless("NoSuchCORSConfiguration"):
        cors = (await s3.get_bucket_cors(Bucket=bucket)).get("CORSRules", [])
    if CORS["ID"] not in {known.get("ID") for known in cors}:
        await s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [*cors, CORS]})
        log.info("added a CORS rule to bucket %s", bucket)


async def _queues(sqs: Any, settings: Settings) -> None:
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
    async with _unless("ResourceInUseException"):
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
