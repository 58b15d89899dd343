"""Where clients reach the bucket with what this service presigns."""

from urllib.parse import urlsplit

from service.settings import Settings


def public_origins(settings: Settings) -> tuple[str, ...]:
    """The sources (CSP level 3, section 2.3.1) of presigned URLs and forms."""
    endpoint = settings.public_endpoint_s3 or settings.endpoint_s3
    if endpoint:
        parts = urlsplit(endpoint)
        return (f"{parts.scheme}://{parts.netloc}",)
    # Forms and URLs are signed by different libraries, which choose among the names that AWS gives a bucket; AWS's
    # certificates cover no name of a bucket with dots in it, which is named by the path.
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    hosts = (f"s3.{settings.region}.amazonaws.com", "s3.amazonaws.com")
    by_name = [f"https://{settings.bucket}.{host}" for host in hosts]
    by_path = [f"https://{host}/{settings.bucket}" for host in hosts if "." in settings.bucket]
    return (*by_name, *by_path)
