"""How this service speaks to AWS: clients, credentials, time-outs, and AWS's errors in the service's own words."""

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aioboto3
import obstore.exceptions
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError
from obstore.store import S3Store

from service.errors import Unavailable
from service.settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Credential

log = logging.getLogger(__name__)

AWAY = (ClientError, BotoCoreError, obstore.exceptions.BaseError, TimeoutError, OSError)
CONNECT_SECONDS = 2
CALL_SECONDS = 10
"""How long one call may take, retries included; a client that waits for its answer has no use for more."""
CONNECTIONS = 64
REASON_CHARACTERS = 500


@functools.cache
def _session() -> Any:
    """The process's one session: each reads the descriptions of all services anew, which takes 100 ms."""
    return aioboto3.Session()


@asynccontextmanager
async def client(settings: Settings, service: str) -> AsyncIterator[Any]:
    """The process's client of `sqs`, `dynamodb` or `s3`; making one takes some 70 ms, so make it once."""
    config = AioConfig(
        connect_timeout=CONNECT_SECONDS,
        # Longer than the longest long poll; every other call has the shorter limit of `calling`.
        read_timeout=30,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": 3},
        # Each a tenth of what a call costs: AWS checks parameters itself, and a fixed name need not be put together.
        parameter_validation=False,
        user_agent="cloud-images",
        # Servers that only resemble S3 do not know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # Else presigned posts have the signature of 2006 in some regions.
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path" if settings.endpoint_s3 else "virtual"},
    )
    endpoint = getattr(settings, f"endpoint_{service}")
    async with _session().client(service, region_name=settings.region, endpoint_url=endpoint, config=config) as made:
        yield made


async def credentials() -> Any:
    """The credentials of this moment, as botocore finds them (profiles, containers, roles).

    :raises Unavailable: there are none.
    """
    found = await _session().get_credentials()
    if found is None:
        raise Unavailable("credentials_missing", "The service has no AWS credentials.")
    return found


def object_store(settings: Settings, endpoint: str | None = None) -> S3Store:
    """The bucket, for bytes; with the same credentials as all else."""
    endpoint = endpoint or settings.endpoint_s3

    async def provide() -> "S3Credential":
        found = await credentials()
        frozen = await found.get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": getattr(found, "_expiry_time", None),
        }

    at: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    return S3Store(
        settings.bucket,
        **at,
        region=settings.region,
        virtual_hosted_style_request=endpoint is None,
        credential_provider=provide,
        client_options={
            "allow_http": True,
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=CALL_SECONDS),
            # Shorter than S3's own: a frozen Lambda container does not hear that a connection has been closed.
            "pool_idle_timeout": timedelta(seconds=15),
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=CALL_SECONDS)},
    )


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Turns what AWS and the ways to it may raise into `Unavailable` with the code `<service>_unavailable`.

    Errors that mean something to the caller (a failed condition, a missing key) are caught inside, before this one.
    """
    try:
        yield
    except BaseException as error:
        # A panic inside of obstore (no more file descriptors, say) is not an `Exception`, and its class has no address.
        if not isinstance(error, AWAY) and type(error).__name__ != "PanicException":
            raise
        reason = " ".join(str(error).partition("Debug source:")[0].split())[:REASON_CHARACTERS] or type(error).__name__
        log.warning("%s does not answer as it should: %s", service, reason)
        raise Unavailable(f"{service}_unavailable", f"{service.upper()} cannot take this request now.") from error


@asynccontextmanager
async def calling(service: str) -> AsyncIterator[None]:
    """`translated`, and the time limit of one call."""
    with translated(service):
        async with asyncio.timeout(CALL_SECONDS):
            yield


def error_code(error: ClientError) -> str:
    """AWS's own code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


@asynccontextmanager
async def clients(settings: Settings, *services: str) -> AsyncIterator[list[Any]]:
    """Several clients at once."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(client(settings, service)) for service in services]


@asynccontextmanager
async def unless(*codes: str) -> AsyncIterator[None]:
    """Goes on when AWS says one of `codes`."""
    try:
        yield
    except ClientError as error:
        if error_code(error) not in codes:
            raise
