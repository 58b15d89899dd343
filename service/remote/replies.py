"""What came back, and what it means: an answer, a refusal, or none at all."""

import errno
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from service.remote.errors import KINDS, ImagesError, Problem, Unreachable
from service.remote.retries import seconds_of

PROXY_USER = "Its user and password go into the variable that names it: http://user:password@proxy:3128."


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body.

        :raises ImagesError: it is no JSON object, so it is not this service that answers.
        """
        with suppress(ValueError):
            found = json.loads(self.body)
            if isinstance(found, dict):
                return found
        raise ImagesError("What answers there is not this service: its answer is no JSON object.")


def refuse(answer: Answer) -> Answer:
    """The answer, if it is none of a refusal.

    :raises Problem: it is.
    """
    if 200 <= answer.status < 300:
        return answer
    said: dict[str, Any] = {}
    with suppress(ValueError):
        found = json.loads(answer.body)
        said = found if isinstance(found, dict) else {}
    detail = said.get("detail") or said.get("message") or said.get("Message")
    if not detail and (location := answer.headers.get("Location")):
        detail = f"It redirects to {location}; is the service there?"
    if answer.status == 407:
        detail = f"The proxy does not know who is asking. {PROXY_USER}"
    elsewhere = " Is the service at this address?" if answer.status in (404, 405) else ""
    raise KINDS.get(answer.status, Problem)(
        answer.status,
        str(said.get("code") or f"http_{answer.status}"),
        str(detail or f"The answer is {answer.status}, without a reason.{elsewhere}"),
        retry_after=seconds_of(answer.headers.get("Retry-After")),
        image_id=said.get("image_id"),
    )


def elsewhere(location: str) -> URL:
    """Where a redirect to the bytes of an image leads, exactly as it was signed.

    :raises ImagesError: to no address of the web.
    """
    try:
        url = URL(location, encoded=True)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ImagesError("What answers there is not this service: it redirects to no address of the web.")
    return url


def unreachable(url: URL, error: Exception) -> ImagesError:
    """What an error of the connection means."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return ImagesError(f"{url} cannot be trusted: {error}")
    if isinstance(error, aiohttp.ClientSSLError):
        return ImagesError(f"{url} does not speak https as this machine does; is it http? ({error})")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        kind = Unreachable if error.status >= 500 else ImagesError
        hint = f" {PROXY_USER}" if error.status == 407 else ""
        return kind(f"The proxy does not let through to {url}: {error.status} {error.message}.{hint}")
    if isinstance(error, aiohttp.ClientResponseError):
        hint = " Is it https?" if url.scheme == "http" else ""
        return Unreachable(f"{url} answers something that is not HTTP.{hint}")
    if isinstance(error, aiohttp.ClientConnectorError):
        number, said = error.errno or 0, error.os_error.strerror
        why = os.strerror(number) if number in errno.errorcode else said or str(error.os_error)
        at = f"The proxy {error.host}:{error.port}" if isinstance(error, aiohttp.ClientProxyConnectionError) else url
        return Unreachable(f"{at} does not answer: {why}.")
    if isinstance(error, TimeoutError):
        return Unreachable(f"{url} does not answer in time.")
    return Unreachable(f"The connection to {url} broke: {str(error) or type(error).__name__}.")
