"""Events as AWS makes them of a request, one builder for each kind of sender.

- HTTP API, payload 2.0: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
- REST API, payload 1.0: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
- Function URL: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
- load balancer: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

Event = dict[str, Any]
Pairs = tuple[tuple[str, str], ...]

API, URL, DOMAIN = (
    "a1b2c3.execute-api.eu-central-1.amazonaws.com",
    "x7y8z9.lambda-url.eu-central-1.on.aws",
    "example.com",
)
TEXTUAL = re.compile(r"text/|application/(json|javascript|xml)\b")
SOURCE_IP, AGENT, TIME = "203.0.113.7", "curl/8.7.1", "10/Jul/2026:19:19:04 +0000"


@dataclass(frozen=True)
class Asked:
    """What a client asks of a gateway: path and query as they stand in the request line, behind all prefixes."""

    method: str
    path: str
    query: str = ""
    headers: Pairs = ()
    body: bytes | None = None


def http_api(asked: Asked, *, authorizer: Any = None, stage: str = "$default", domain: str = API) -> Event:
    """Payload 2.0; decodes the path, and leaves a named stage in it."""
    path = ("" if stage == "$default" else f"/{stage}") + unquote(asked.path)
    return _payload_2(asked, path, path, authorizer, domain, stage)


def function_url(asked: Asked, *, authorizer: Any = None, domain: str = URL) -> Event:
    """Payload 2.0 with the path as it came; the cookies stand in a header too."""
    event = _payload_2(asked, asked.path, unquote(asked.path), authorizer, domain, "$default")
    return event | {"headers": _joined(_common(domain) + asked.headers)}


def rest_api(
    asked: Asked, *, authorizer: Any = None, stage: str = "prod", domain: str = API, base_path: str = ""
) -> Event:
    """Payload 1.0; only its own domain's clients see the stage, and only a custom domain's the base path."""
    headers = _several(_common(domain) + asked.headers)
    parameters = _several(parse_qsl(asked.query, keep_blank_values=True)) or None
    shown = f"/{stage}" if domain == API else ""
    return {
        "resource": "/{proxy+}",
        "path": base_path + asked.path,
        "httpMethod": asked.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()} if parameters else None,
        "multiValueQueryStringParameters": parameters,
        "pathParameters": {"proxy": asked.path.removeprefix("/")},
        "stageVariables": {"color": "blue"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": domain.partition(".")[0],
            "authorizer": authorizer,
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "extendedRequestId": "ATfSdF7nPHcErRA=",
            "httpMethod": asked.method,
            "identity": {"accessKey": None, "caller": None, "sourceIp": SOURCE_IP, "user": None, "userAgent": AGENT},
            "path": shown + base_path + asked.path,
            "protocol": "HTTP/1.1",
            "requestId": "7c2af7db-31f3-42b5-8a6d-9ffc74e3b9e0",
            "requestTime": TIME,
            "requestTimeEpoch": 1783711144836,
            "resourceId": "al6gqb",
            "resourcePath": "/{proxy+}",
            "stage": stage,
        },
        **_body(asked, None),
    }


def load_balancer(asked: Asked) -> Event:
    """Of a header or parameter that comes several times only the last; nothing is decoded."""
    event = multi_value_load_balancer(asked)
    headers, parameters = event.pop("multiValueHeaders"), event.pop("multiValueQueryStringParameters")
    return event | {
        "headers": {name: values[-1] for name, values in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()},
    }


def multi_value_load_balancer(asked: Asked) -> Event:
    """With `lambda.multi_value_headers.enabled`; nothing is decoded."""
    pairs = (part.partition("=") for part in asked.query.split("&") if part)
    arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/images/6d0ecf831eec9f09"
    return {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": asked.method,
        "path": asked.path,
        "multiValueQueryStringParameters": _several((name, value) for name, _, value in pairs),
        "multiValueHeaders": _several(_common("lb-1.eu-central-1.elb.amazonaws.com") + asked.headers, lower=True),
        **_body(asked, ""),
    }


def _payload_2(asked: Asked, raw_path: str, path: str, authorizer: Any, domain: str, stage: str) -> Event:
    cookies = [cookie for name, value in asked.headers if name.lower() == "cookie" for cookie in value.split("; ")]
    others = tuple(pair for pair in asked.headers if pair[0].lower() != "cookie")
    parameters = _several(parse_qsl(asked.query, keep_blank_values=True))
    context: Event = {
        "accountId": "123456789012" if authorizer or domain != URL else "anonymous",
        "apiId": domain.partition(".")[0],
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": asked.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": SOURCE_IP,
            "userAgent": AGENT,
        },
        "requestId": "ATfSmjLgPHcESJw=",
        "routeKey": "$default",
        "stage": stage,
        "time": TIME,
        "timeEpoch": 1783711145766,
    }
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": asked.query,
        **({"cookies": cookies} if cookies else {}),
        "headers": _joined(_common(domain) + others),
        **({"queryStringParameters": {name: ",".join(v) for name, v in parameters.items()}} if parameters else {}),
        "requestContext": context | ({} if authorizer is None else {"authorizer": authorizer}),
        "stageVariables": {"color": "blue"},
        **({"isBase64Encoded": False} if asked.body is None else _body(asked, None)),
    }


def _body(asked: Asked, nothing: str | None) -> Event:
    if not asked.body:
        return {"body": nothing, "isBase64Encoded": False}
    kind = next((value for name, value in asked.headers if name.lower() == "content-type"), "")
    if TEXTUAL.match(kind):
        return {"body": asked.body.decode(errors="replace"), "isBase64Encoded": False}
    return {"body": base64.b64encode(asked.body).decode(), "isBase64Encoded": True}


def _common(host: str) -> Pairs:
    return (
        ("Host", host),
        ("User-Agent", AGENT),
        ("X-Amzn-Trace-Id", "Root=1-6a5145a8-536f3e792f6be9b44c1f46fa"),
        ("X-Forwarded-For", SOURCE_IP),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    )


def _several(pairs: Iterable[tuple[str, str]], *, lower: bool = False) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name.lower() if lower else name, []).append(value)
    return values


def _joined(pairs: Pairs) -> dict[str, str]:
    return {name: ",".join(values) for name, values in _several(pairs, lower=True).items()}
