"""From a response to the answer that the sender of an event expects."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from service.gateway.requests import Headers

TEXTUAL = re.compile(r"text/|application/([a-z.+-]+\+)?json\b")
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
"""Headers of one connection only (RFC 9110, section 7.6.1)."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response of the application; header names in any case, repeated ones several times."""

    status: int
    headers: Headers
    body: bytes = b""


def write(response: Response, event: Any) -> dict[str, Any]:
    """The answer in the form that the sender of `event`, whatever that is, expects; binary bodies in base64."""
    event = event if isinstance(event, dict) else {}
    context = event.get("requestContext")
    context = context if isinstance(context, dict) else {}
    headers: dict[str, list[str]] = {}
    for name, value in response.headers:
        if name.lower() not in HOP_BY_HOP:
            headers.setdefault(name.lower(), []).append(value)
    plain = not response.body or any(TEXTUAL.match(kind) for kind in headers.get("content-type", ()))
    answer: dict[str, Any] = {
        "statusCode": response.status,
        "body": response.body.decode() if plain else base64.b64encode(response.body).decode(),
        "isBase64Encoded": not plain,
    }
    if "http" in context:
        cookies = headers.pop("set-cookie", None)
        answer |= {"headers": _joined(headers)} | ({"cookies": cookies} if cookies else {})
    elif "elb" in context:
        answer["statusDescription"] = f"{response.status} {HTTPStatus(response.status).phrase}"
        several = event.get("multiValueHeaders") is not None
        answer |= {"multiValueHeaders": headers} if several else {"headers": _joined(headers)}
    else:
        answer["multiValueHeaders"] = headers
    return answer


def _joined(headers: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: ", ".join(values) for name, values in headers.items()}
