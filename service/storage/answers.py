"""What counts as an answer of SQS or DynamoDB: a JSON object, from where it was asked for.

botocore's parser takes any other 200 for an answer without members, which of a PutItem means that it was written, and
of a GetItem that there is no such item.
"""

import json
from typing import Any

import aiohttp
from aiobotocore.httpsession import AIOHTTPSession
from botocore.exceptions import HTTPClientError


class NoAnswer(HTTPClientError):  # type: ignore[misc]
    """Something in between has answered; botocore tries such requests again."""

    fmt = "status {status} is no answer of AWS: {said}"


class StraightSession(AIOHTTPSession):  # type: ignore[misc]
    """botocore's HTTP, without redirects."""

    async def _get_session(self, proxy_url: str | None) -> Any:
        return _Straight(await super()._get_session(proxy_url))


class JsonSession(StraightSession):
    """That, for services that speak JSON."""

    async def send(self, request: Any) -> Any:
        """The response to `request`.

        :raises NoAnswer: its body is no JSON object.
        """
        response = await super().send(request)
        content: bytes = await response.content
        try:
            whole = isinstance(json.loads(content), dict)
        except (ValueError, RecursionError):
            whole = False
        if not whole:
            raise NoAnswer(status=response.status_code, said=repr(content[:100]))
        return response


class _Straight:
    """Follows no redirect, as it would take the security token elsewhere."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, *args: Any, **more: Any) -> aiohttp.ClientResponse:
        return await self._session.request(*args, **more, allow_redirects=False)
