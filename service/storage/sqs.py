"""SQS's JSON protocol, for the calls that every upload needs, at a quarter of what they cost through botocore's client.

Left out is what that client works out anew for each call: the model of the parameters, the rules of endpoints, the
events. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html>
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
from botocore.exceptions import ClientError
from botocore.utils import get_environ_proxies

from service.settings import Settings
from service.storage.aws import (
    CONNECT_SECONDS,
    CONNECTIONS,
    IDLE_SECONDS,
    READ_SECONDS,
    USER_AGENT,
    certificates,
    credentials,
)
from service.storage.signature import Signer

ATTEMPTS = 3
LONGEST_PAUSE_SECONDS = 2.0
HEADERS = {"content-type": "application/x-amz-json-1.0", "user-agent": USER_AGENT}


class Sqs:
    """SQS at one endpoint."""

    def __init__(self, http: aiohttp.ClientSession, endpoint: str, region: str) -> None:
        self._http = http
        self._url = endpoint.rstrip("/") + "/"
        proxy: str | None = get_environ_proxies(self._url).get(self._url.partition(":")[0])
        self._proxy = f"http://{proxy}" if proxy and "://" not in proxy else proxy
        self._signer = Signer(self._url, "sqs", region)

    async def call(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """SQS's answer to `action`, asked for up to three times while SQS is busy or cannot be reached.

        :raises ClientError: SQS refuses.
        :raises aiohttp.ClientError: SQS cannot be reached.
        :raises Unavailable: there are no credentials.
        """
        body = json.dumps(parameters).encode()
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._try(action, body)
            except (aiohttp.ClientError, TimeoutError):
                pass
            except ClientError as error:
                if not _may_work_later(error):
                    raise
            await asyncio.sleep(min(random.random() * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS))  # noqa: S311
        return await self._try(action, body)

    async def _try(self, action: str, body: bytes) -> dict[str, Any]:
        # Each time anew: a role's credentials change, and a signature does not hold for long.
        frozen = await (await credentials()).get_frozen_credentials()
        headers = self._signer.signed(
            HEADERS | {"x-amz-target": f"AmazonSQS.{action}"}, body, frozen, datetime.now(UTC)
        )
        # A redirect would take the token elsewhere, and its answer would be none of SQS's.
        async with self._http.post(
            self._url, data=body, headers=headers, proxy=self._proxy, allow_redirects=False
        ) as response:
            content = await response.read()
        try:
            answer = json.loads(content or b"{}")
        except (ValueError, RecursionError):
            answer = None
        if response.status == 200 and isinstance(answer, dict):
            return answer
        raise _error(action, response.status, answer)


def _error(action: str, status: int, answer: Any) -> ClientError:
    said = answer if isinstance(answer, dict) else {}
    error = {"Code": str(said.get("__type", status)).rpartition("#")[2], "Message": str(said.get("message", ""))}
    return ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}, action)


def _may_work_later(error: ClientError) -> bool:
    # A 200 that is no answer comes from something that stands in between.
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    return status >= 500 or status in (200, 429) or "Throttl" in error.response["Error"]["Code"]


@asynccontextmanager
async def open_sqs(client: Any, settings: Settings) -> AsyncIterator[Sqs]:
    """SQS where botocore's `client` of it has found it."""
    endpoint: str = client.meta.endpoint_url
    # Reading the certificates takes 50 ms, which a cold start need not spend on nothing.
    trusted = certificates() if endpoint.startswith("https:") else True
    connector = aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=IDLE_SECONDS, ssl=trusted)
    timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield Sqs(http, endpoint, settings.region)
