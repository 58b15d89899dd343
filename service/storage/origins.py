"""Where clients reach the bucket with what this service presigns."""

from urllib.parse import urlsplit

from service.settings import Settings


def public_origins(settings: Settings) -> tuple[str, ...]:
    """The sources (CSP level 3, section 2.3.1) of presigned URLs and forms."""
    endpoint = settings.public_endpoint_s3 or settings.endpoint_s3
    if endpoint:
        parts = urlsplit(endpoint)
        return (f"{parts.scheme}://{parts.netloc}",)
    domain = "amazonaws.com.cn" if settings.region.startswith("cn-") else "amazonaws.com"
    # Forms and URLs are signed by different libraries, which choose among the names that AWS gives a bucket:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    return (
        f"https://{settings.bucket}.s3.{settings.region}.{domain}",
        f"https://{settings.bucket}.s3.{domain}",
        f"https://s3.{settings.region}.{domain}/{settings.bucket}/",
    )
