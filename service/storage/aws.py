"""How this service speaks to AWS: clients, credentials, time-outs, and AWS's errors in the service's own words."""

import asyncio
import functools
import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

import aioboto3
import aiohttp
import obstore.exceptions
from aiobotocore.config import AioConfig
from aiobotocore.httpsession import AIOHTTPSession
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from botocore.httpsession import get_cert_path
from obstore.store import S3Store

from service.errors import SettingsError, Unavailable
from service.settings import Settings
from service.storage.answers import JsonSession, StraightSession

if TYPE_CHECKING:
    from obstore.store import S3Credential

log = logging.getLogger(__name__)

AWAY = (ClientError, BotoCoreError, aiohttp.ClientError, obstore.exceptions.BaseError, TimeoutError, OSError)
CONNECT_SECONDS = 2
READ_SECONDS = 30
"""Longer than the longest long poll; every other call has the shorter limit of `calling`."""
CALL_SECONDS = 10
"""How long one call may take, retries included; a client that waits for its answer has no use for more."""
CONNECTIONS = 64
IDLE_SECONDS = 15
"""Shorter than AWS's own: a frozen Lambda container does not hear that a connection has been closed."""
USER_AGENT = "cloud-images"
REASON_CHARACTERS = 500


@functools.cache
def _core() -> AioSession:
    return get_session()


@functools.cache
def _session() -> Any:
    """The process's one session: each reads the descriptions of all services anew, which takes 100 ms.

    :raises SettingsError: `AWS_PROFILE` names a profile that there is not.
    """
    try:
        return aioboto3.Session(botocore_session=_core())
    except ProfileNotFound as error:
        raise SettingsError(f"{error}; see AWS_PROFILE.") from None


def certificates() -> ssl.SSLContext:
    """What tells a true AWS: the certificates that the user has named to botocore, or its own."""
    # The second is botocore's own as well, but not one that it would tell of.
    named = _core().get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE") or True
    context = ssl.create_default_context(cafile=get_cert_path(named))
    # botocore is not that strict, and many a company's own authority would not pass (Python 3.13 and later).
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


@asynccontextmanager
async def client(settings: Settings, service: str) -> AsyncIterator[Any]:
    """The process's client of `sqs`, `dynamodb`, `sns` or `s3`; making one takes some 70 ms, so make it once."""
    config = AioConfig(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": 3},
        # Each a tenth of what a call costs: AWS checks parameters itself, and a fixed name need not be put together.
        parameter_validation=False,
        user_agent=USER_AGENT,
        # Servers that only resemble S3 do not know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # Else presigned posts have the signature of 2006 in some regions.
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path" if settings.endpoint_s3 else "virtual"},
        http_session_cls={"s3": AIOHTTPSession, "sns": StraightSession}.get(service, JsonSession),
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

    # S3 itself checks the bytes against a checksum, which servers that only resemble it often do not know.
    at: dict[str, Any] = {"endpoint": endpoint} if endpoint else {"checksum_algorithm": "CRC64NVME"}
    return S3Store(
        settings.bucket,
        **at,
        region=settings.region,
        virtual_hosted_style_request=endpoint is None,
        # Else all bytes are hashed once more, for the signature; the worker checks them against the receipt's hash.
        unsigned_payload=True,
        credential_provider=provide,
        client_options={
            "allow_http": True,
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": timedelta(seconds=CALL_SECONDS),
            "pool_idle_timeout": timedelta(seconds=IDLE_SECONDS),
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
        _translate(service, error)
        raise


def _translate(service: str, error: BaseException) -> None:
    # A panic inside of obstore (no more file descriptors, say) is not an `Exception`, and its class has no address.
    if not isinstance(error, AWAY) and type(error).__name__ != "PanicException":
        return
    reason = " ".join(str(error).partition("Debug source:")[0].split())[:REASON_CHARACTERS] or type(error).__name__
    log.warning("%s does not answer as it should: %s", service, reason)
    raise unavailable(service) from error


def unavailable(service: str) -> Unavailable:
    """What clients are told of a part of AWS that does not answer as it should."""
    return Unavailable(f"{service}_unavailable", f"{service.upper()} cannot take this request now.")


class calling:  # noqa: N801 - used like the functions beside it
    """`translated`, and the time limit of one call, which has `more` seconds if it is one that waits.

    A class, as every upload passes here and generators take longer.
    """

    __slots__ = ("_limit", "_service")

    def __init__(self, service: str, more: float = 0) -> None:
        self._service = service
        self._limit = asyncio.timeout(CALL_SECONDS + more)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError as late:
            error = late
        if error is not None:
            _translate(self._service, error)


def told(service: str, answer: Mapping[str, Any], name: str) -> Any:
    """A member that an answer always has; what lacks it comes from something that stands in between.

    :raises Unavailable: it is not there.
    """
    if name not in answer:
        log.warning("%s does not answer as it should: there is no %s", service, name)
        raise unavailable(service)
    return answer[name]


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
