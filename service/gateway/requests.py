"""From an event to the request that a gateway made it of."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

Headers = list[tuple[str, str]]

# What may stand in a path or query as it is; "%" only before two hexadecimal digits.
SAFE = "/:@!$&'()*+,;=-._~?%"
STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# RFC 9110, section 5.6.2. A colon in a name would make another header of it.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class NotHttp(Exception):
    """The event carries no request; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was before a gateway made an event of it.

    `target` is path and query, percent-encoded, without what the gateway put before the path, which is `prefix`.
    `user` is whom its authorizer names: None when there is no authorizer, empty when it names nobody.
    """

    method: str
    target: str
    prefix: str
    headers: Headers
    body: bytes | None
    user: str | None


def read(event: Any, *, base_path: str = "", user_claim: str = "sub") -> Request:
    """The request in an event.

    :param base_path: what a custom domain maps this API under, as in `/photos`.
    :param user_claim: which claim of an authorizer names the user.
    :raises NotHttp: there is none in it.
    """
    try:
        context = event.get("requestContext") or {}
        if "http" in context:
            method, path, query = context["http"]["method"], event["rawPath"], event.get("rawQueryString") or ""
        else:
            method, path, query = event["httpMethod"], event["path"], _query(event, encoded="elb" in context)
        path, prefix = _without_prefix(path, context, base_path)
        if not path.startswith("/"):
            raise ValueError("a path begins with a slash")
        target = _escaped(path).replace("?", "%3F") + (f"?{_escaped(query)}" if query else "")
        return Request(str(method), target, prefix, _headers(event), _body(event), _user(context, user_claim))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        # Not its repr: that of a UnicodeError has all of the text, which may be the body or the query.
        raise NotHttp(f"this event carries no HTTP request: {type(error).__name__}: {error}") from None


def _query(event: Mapping[str, Any], *, encoded: bool) -> str:
    """The query of payload 1.0, where REST APIs hand over decoded values and load balancers encoded ones."""
    several = event.get("multiValueQueryStringParameters")
    pairs = _pairs(several if several is not None else event.get("queryStringParameters"))
    return "&".join(f"{name}={value}" for name, value in pairs) if encoded else urlencode(pairs)


def _pairs(values: Mapping[str, Any] | None) -> Headers:
    """Names and values, whether there is one value a name or a list of them."""
    return [
        (name, str(one))
        for name, given in (values or {}).items()
        for one in (given if isinstance(given, list) else [given])
        if one is not None
    ]


def _without_prefix(path: str, context: Mapping[str, Any], base_path: str) -> tuple[str, str]:
    """The path as the application knows it, and what its client has to put before it."""
    stage, domain, shown = context.get("stage") or "$default", str(context.get("domainName", "")), ""
    if "http" in context:
        # An HTTP API leaves a named stage in the path, also for clients of a custom domain, who do not see it.
        if stage != "$default" and f"{path}/".startswith(f"/{stage}/"):
            path = path.removeprefix(f"/{stage}")
            shown = f"/{stage}" if ".execute-api." in domain else ""
    elif str(context.get("path", "")).endswith(path):
        shown = str(context.get("path", "")).removesuffix(path)
    if base_path and f"{path}/".startswith(f"{base_path}/"):
        path, shown = path.removeprefix(base_path), shown + base_path
    elif "http" in context and ".execute-api." not in domain and ".lambda-url." not in domain:
        shown += base_path  # which an HTTP API takes out of the path
    return path or "/", shown


def _escaped(text: str) -> str:
    """As it can stand in a request line: some gateways decode a path, others do not."""
    return quote(STRAY_PERCENT.sub("%25", text), safe=SAFE)


def _headers(event: Mapping[str, Any]) -> Headers:
    several = event.get("multiValueHeaders")
    headers = [(name.lower(), value) for name, value in _pairs(several if several else event.get("headers"))]
    if odd := [name for name, _ in headers if not TOKEN.fullmatch(name)]:
        raise ValueError(f"no header has the name {odd[0]!r}")
    cookies = event.get("cookies") or []
    return [*headers, ("cookie", "; ".join(cookies))] if cookies else headers


def _body(event: Mapping[str, Any]) -> bytes | None:
    body = event.get("body")
    if body is None:
        return None
    return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()


def _user(context: Mapping[str, Any], user_claim: str) -> str | None:
    """Whom the authorizer names, in the different forms in which the kinds of authorizers do."""
    authorizer = context.get("authorizer")
    if authorizer is None:
        return None
    if "http" not in context:
        # What the authorizer function of a REST API returns stands beside its principal, under names that it chose.
        claims = authorizer.get("claims") or {"sub": authorizer.get("principalId")} | authorizer
    elif iam := authorizer.get("iam"):
        claims = {user_claim: iam.get("userId")}
    else:
        claims = (authorizer.get("jwt") or {}).get("claims") or authorizer.get("lambda") or {}
    return str(claims.get(user_claim) or "")
