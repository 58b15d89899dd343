"""The bucket and what may be done in it, tried with an object that no sweep takes for an upload, and then removed."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from service.errors import Unavailable
from service.findings import Examination, warn, wrong
from service.remote.errors import ImagesError
from service.remote.proxies import way_to
from service.settings import Settings
from service.storage.aws import CONNECT_SECONDS, object_store
from service.storage.bucket import Bucket
from service.storage.checkup.hints import code_of, explained, explaining
from service.storage.checkup.identity import NAME as CREDENTIALS
from service.storage.checkup.reach import CLOCK_NAME as CLOCK
from service.storage.checkup.reach import reach_of

NAME, PUT, GET, LIST, PRESIGNED, DELETE = "bucket", "s3 put", "s3 get", "s3 list", "presigned url", "s3 delete"
PREFIX = "incoming/.doctor/"
"""No user has such an id, so no sweep takes it for an upload; and the lifecycle rule of `incoming/` holds for it."""
CONTENT = b"cloud-images doctor"
REMOVE_SECONDS = 3.0
LINK_SECONDS = 60
MOST_BYTES = 4096
"""Of the answer to a presigned URL."""


@dataclass
class _Probe:
    """The object. `there` as long as it may be in the bucket."""

    key: str
    there: bool = False


async def check_bucket(examination: Examination, settings: Settings, s3: Any) -> None:
    """Is it there, and may these credentials do with it what service and worker do?"""

    async def there() -> str:
        return await _there(settings, s3)

    await examination.check(NAME, there, CREDENTIALS, reach_of("s3"), CLOCK)
    objects = f"arn:aws:s3:::{settings.bucket}/*"
    bucket = Bucket(object_store(settings), object_store(settings, settings.public_endpoint_s3))
    async with _probe(bucket) as probe:

        async def put() -> str:
            with explaining("s3:PutObject", objects):
                probe.there = True
                await bucket.put(probe.key, [CONTENT], {"Content-Type": "text/plain"})
            return f"{probe.key} was stored"

        async def get() -> str:
            with explaining("s3:GetObject", objects):
                found = await bucket.get(probe.key)
            if found is None or found.content != CONTENT:
                wrong(
                    "S3 gives other bytes than it was given",
                    "find out what stands between here and S3; see AWS_ENDPOINT",
                )
            return "and read again, byte for byte"

        async def listed() -> str:
            with explaining("s3:ListBucket", f"arn:aws:s3:::{settings.bucket}"):
                names = await bucket.names(PREFIX, 1000)
            if probe.key.removeprefix(PREFIX) not in names:
                wrong(
                    "the list of objects lacks one that was just stored",
                    "use an S3 whose lists are consistent, as AWS's are",
                )
            return "its list has it"

        async def presigned() -> str:
            return await _presigned(settings, bucket, probe.key)

        async def delete() -> str:
            with explaining("s3:DeleteObject", objects):
                await bucket.delete([probe.key])
                probe.there = await bucket.head(probe.key) is not None
            if probe.there:
                wrong(f"{probe.key} is still there", "look for a bucket policy or object lock that keeps it")
            return "it is gone again"

        await examination.check(PUT, put, NAME)
        await examination.check(GET, get, PUT)
        await examination.check(LIST, listed, PUT)
        await examination.check(PRESIGNED, presigned, GET)
        await examination.check(DELETE, delete, PUT)


@asynccontextmanager
async def _probe(bucket: Bucket) -> AsyncIterator[_Probe]:
    """An object that is removed in any case: also when the checks are broken off."""
    probe = _Probe(PREFIX + secrets.token_hex(8))
    try:
        yield probe
    finally:
        if probe.there:
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(REMOVE_SECONDS):
                    await bucket.delete([probe.key])


async def _there(settings: Settings, s3: Any) -> str:
    bucket = settings.bucket
    with explaining("s3:ListBucket", f"arn:aws:s3:::{bucket}"):
        try:
            answer = await s3.head_bucket(Bucket=bucket)
        except s3.exceptions.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            if status != 404:
                raise
            wrong(f"there is no bucket {bucket}", "run: cloud-images provision (or name another in IMAGE_BUCKET)")
    region = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", settings.region)
    if region != settings.region:
        wrong(f"{bucket} is in {region}, not in {settings.region}", f"set AWS_DEFAULT_REGION={region}")
    return f"{bucket} is there, in {region}"


async def _presigned(settings: Settings, bucket: Bucket, key: str) -> str:
    url = await bucket.presigned_url(key, LINK_SECONDS)
    where = urlsplit(url)
    place = f"{where.scheme}://{where.netloc}"
    setting = "AWS_PUBLIC_ENDPOINT_S3" if settings.public_endpoint_s3 else "AWS_PUBLIC_ENDPOINT_S3 (it is not set)"
    mend = f"set {setting} to where clients reach S3"
    timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS)
    try:
        link = URL(url, encoded=True)
        way = way_to(link, {})
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(link, **way) as answer:
            status, content = answer.status, await answer.content.read(MOST_BYTES)
    except (aiohttp.ClientError, ImagesError, TimeoutError, OSError) as error:
        # From where this runs it need not be reachable, when it is a public address.
        (warn if settings.public_endpoint_s3 else wrong)(f"{place} cannot be reached from here: {error}", mend)
    if code_of(refusal := OSError(content.decode(errors="replace"))):
        raise explained(refusal, "s3:GetObject", f"arn:aws:s3:::{settings.bucket}/*")
    if status != 200 or content != CONTENT:
        wrong(f"a presigned URL of {place} is answered with {status}", mend)
    return f"one of {place} gives the bytes"
