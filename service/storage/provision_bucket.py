"""Makes the bucket ready: closed to the public, with lifecycle, CORS, and word to the queue of direct uploads."""

import asyncio
import json
import logging
from typing import Any

from botocore.exceptions import ClientError

from service.settings import Settings
from service.storage.aws import error_code, unless

log = logging.getLogger(__name__)

ATTEMPTS, PAUSE_SECONDS = 20, 3.0
"""A new policy of a queue is in force everywhere within a minute.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""

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
NOTIFICATION: dict[str, Any] = {
    "Id": "cloud-images-direct",
    "Events": ["s3:ObjectCreated:*"],
    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "direct/"}]}},
}


async def provision_bucket(s3: Any, settings: Settings) -> None:
    """Create the bucket if it is missing, and add the rules that it lacks."""
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
    async with unless("NoSuchLifecycleConfiguration"):
        rules = (await s3.get_bucket_lifecycle_configuration(Bucket=bucket)).get("Rules", [])
    missing = [rule for rule in LIFECYCLE if rule["ID"] not in {known.get("ID") for known in rules}]
    if missing:
        await s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*rules, *missing]})
        log.info("added lifecycle rules to bucket %s", bucket)

    async with unless("NoSuchCORSConfiguration"):
        cors = (await s3.get_bucket_cors(Bucket=bucket)).get("CORSRules", [])
    if CORS["ID"] not in {known.get("ID") for known in cors}:
        await s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [*cors, CORS]})
        log.info("added a CORS rule to bucket %s", bucket)


async def provision_notification(s3: Any, sqs: Any, settings: Settings, queue_url: str) -> None:
    """Let S3 put a message on the queue for each direct upload that arrives."""
    bucket = settings.bucket
    arn, attempts = await _allow_messages_of(bucket, sqs, queue_url)
    known = await s3.get_bucket_notification_configuration(Bucket=bucket)
    known.pop("ResponseMetadata", None)
    queues = known.get("QueueConfigurations", [])
    if NOTIFICATION["Id"] in {one.get("Id") for one in queues}:
        return
    configuration = known | {"QueueConfigurations": [*queues, NOTIFICATION | {"QueueArn": arn}]}
    # S3 tries the queue, which may not know yet what it is to take. On different servers it never will.
    attempts = attempts if settings.endpoint_s3 == settings.endpoint_sqs else 1
    for attempt in range(1, attempts + 1):
        try:
            await s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
            log.info("bucket %s tells queue %s of direct uploads", bucket, settings.queue)
            return
        except ClientError as error:
            if error_code(error) != "InvalidArgument":
                raise
            if attempt == attempts:
                # S3 and SQS on different servers, say; or rules of the user's own that overlap with this one.
                log.warning("no direct uploads: S3 cannot tell the queue of them; provision again: %s", error)
                return
        await asyncio.sleep(PAUSE_SECONDS)


async def _allow_messages_of(bucket: str, sqs: Any, queue_url: str) -> tuple[str, int]:
    """Let the queue take messages of S3's about this bucket; its ARN, and how often S3 may have to try that."""
    answer = await sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn", "Policy"])
    arn = str(answer["Attributes"]["QueueArn"])
    policy = json.loads(answer["Attributes"].get("Policy") or '{"Version": "2012-10-17", "Statement": []}')
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    if NOTIFICATION["Id"] in {one.get("Sid") for one in statements}:
        return arn, 1
    policy["Statement"] = [
        *statements,
        {
            "Sid": NOTIFICATION["Id"],
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            # S3 works for everyone; this is the account's own, as the queue is.
            "Condition": {
                "ArnEquals": {"aws:SourceArn": f"arn:{arn.split(':')[1]}:s3:::{bucket}"},
                "StringEquals": {"aws:SourceAccount": arn.split(":")[4]},
            },
        },
    ]
    await sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(policy)})
    return arn, ATTEMPTS
