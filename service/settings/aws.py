"""Where AWS is, and what the service has there is called."""

from dataclasses import dataclass

from service.settings import values
from service.settings.setting import setting


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Aws:
    """Endpoints and names; credentials are found as botocore finds them."""

    # None means the real AWS of the region.
    endpoint_s3: str | None = setting(
        ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
        None,
        values.url,
        "where S3 is, if not on AWS itself",
    )
    endpoint_sqs: str | None = setting(
        ("AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
        None,
        values.url,
        "where SQS is, if not on AWS itself",
    )
    endpoint_dynamodb: str | None = setting(
        ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
        None,
        values.url,
        "where DynamoDB is, if not on AWS itself",
    )
    endpoint_sns: str | None = setting(
        ("AWS_ENDPOINT_URL_SNS", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
        None,
        values.url,
        "where SNS is, if not on AWS itself",
    )
    public_endpoint_s3: str | None = setting(
        "AWS_PUBLIC_ENDPOINT_S3",
        None,
        values.url,
        "where clients reach S3 with presigned URLs, if elsewhere than the service",
    )
    region: str = setting(("AWS_DEFAULT_REGION", "AWS_REGION"), "us-east-1", values.region, "AWS region")

    # Names of what must be there.
    bucket: str = setting("IMAGE_BUCKET", "image-bucket", values.text, "bucket of staged objects and images")
    table: str = setting("IMAGES_TABLE", "ImagesTable", values.text, "table of records")
    queue: str = setting("IMAGE_QUEUE", "image-uploads", values.text, "queue of accepted uploads")
    dead_letter_queue: str = setting(
        "IMAGE_DEAD_LETTER_QUEUE", "image-uploads-dlq", values.text, "queue of uploads that could not be processed"
    )
    topic: str | None = setting(
        "IMAGE_TOPIC_ARN", None, values.topic, "SNS topic that the worker tells of each image's final status; else none"
    )
