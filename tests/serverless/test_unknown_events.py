"""Events that carry no request, or an absurd one: each gets an answer, and the next event finds all well."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.driver import Answer
from tests.functions import Function
from tests.outside import Outside
from tests.serverless.events import Asked, Event, http_api, load_balancer, rest_api
from tests.serverless.senders import received
from tests.wire import problem

CONTEXTS: list[Any] = [None, 5, True, "http", "elb", [], ["http"], {}]
VALUES: list[Any] = [None, True, 0, -1.5, "", "ping", [], [[]], {}]
NO_REQUEST: dict[str, Any] = {
    **{json.dumps(value): value for value in VALUES},
    **{json.dumps(value): {"requestContext": value} for value in CONTEXTS},
    "health": {"health": True},
    "warmer": {"source": "serverless-plugin-warmup", "warmup": True},
    "sqs": {"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs", "receiptHandle": "x"}]},
    "s3": {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]},
    "s3_test": {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
    "sns": {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "x"}}]},
    "event_bridge": {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    "web_socket": {"requestContext": {"routeKey": "$connect", "eventType": "CONNECT", "stage": "prod"}, "headers": {}},
    "authorizer": {"type": "TOKEN", "authorizationToken": "x", "methodArn": "arn:aws:execute-api:x"},
    "vpc_lattice": {"version": "2.0", "path": "/healthz", "method": "GET", "headers": {}, "requestContext": {}},
}
WRONG: list[Any] = [None, 5, True, "x", [], ["x"], {"x": "y"}, [None], {"x": None}, "\ud800", "\r\n"]


def _without(event: Event, name: str) -> Event:
    return {key: value for key, value in event.items() if key != name}


async def answered(container: Function, event: Any) -> Answer:
    """The answer to an event, after which the same container serves the next one."""
    answer = received(event, await container.invoke(event))
    next_one = http_api(Asked("GET", "/healthz"))
    assert received(next_one, await container.invoke(next_one)).json == {"status": "ok"}
    return answer


@pytest.mark.parametrize("name", NO_REQUEST)
async def test_an_event_without_a_request(name: str, container: Function, outside: Outside) -> None:
    before = await outside.everything()
    answer = await answered(container, NO_REQUEST[name])
    assert problem(answer) == (400, "malformed_request")
    assert await outside.everything() == before


@pytest.mark.parametrize("make", [http_api, rest_api, load_balancer], ids=lambda make: make.__name__)
async def test_members_that_are_missing_or_of_another_type(make: Callable[[Asked], Event], container: Function) -> None:
    """Without those that say what is asked there is no request; some others can do without, or with anything."""
    sound = make(Asked("GET", "/healthz", "a=b", (("Cookie", "a=b"),)))
    needed = ("rawPath", "requestContext") if make is http_api else ("httpMethod", "path")
    for name in sound:
        answer = await answered(container, _without(sound, name))
        assert answer.status in ((400,) if name in needed else (200,)), (name, answer)
        for wrong in WRONG:
            answer = await answered(container, sound | {name: wrong})
            assert answer.status in (200, 400, 404, 405), (name, wrong, answer)
    for name in sound["requestContext"]:
        for wrong in WRONG:
            answer = await answered(container, sound | {"requestContext": sound["requestContext"] | {name: wrong}})
            assert answer.status in (200, 400, 401, 404), (name, wrong, answer)


PATHS = {
    **dict.fromkeys(("//host/healthz", "///", "/../healthz", "/healthz/..", "/./healthz", "/healthz/"), "not_found"),
    **dict.fromkeys(("/healthz?x", "/healthz#x", "/a b", "/ü/日本", "/%", "/%zz", "/\0", "/\r\n", "/\\x"), "not_found"),
    **dict.fromkeys(("/healthz;x=1", "/healthz\u2028", "/http://x/healthz", "/[::1]/"), "not_found"),
    **dict.fromkeys(("healthz", "@x/healthz", ":80/healthz", ":x/healthz", "http://x/healthz"), "malformed_request"),
    **dict.fromkeys(("\ud800", "/\udfff", "*", "?", "#", f"/{'x' * 10_000}"), "malformed_request"),
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ascii(path)[:24])
async def test_an_absurd_path(path: str, container: Function) -> None:
    """It is no other path than it says, and names no other host."""
    for event in (http_api(Asked("GET", "/")) | {"rawPath": path}, load_balancer(Asked("GET", "/")) | {"path": path}):
        answer = await answered(container, event)
        assert answer.code == PATHS[path], answer


async def test_no_path(container: Function) -> None:
    """RFC 9110, section 4.2.3: it is the root, which is the gallery page."""
    for event in (http_api(Asked("GET", "/")) | {"rawPath": ""}, load_balancer(Asked("GET", "/")) | {"path": ""}):
        answer = await answered(container, event)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


METHODS = {
    **dict.fromkeys(("get", "GeT", "HEAD"), 200),
    **dict.fromkeys(("TRACE", "OPTIONS", "PURGE", "DELETE", "PATCH", "POST"), 405),
    **dict.fromkeys(("", " ", "GET x", "Ü", "\ud800", "PRI", "X" * 9000, "GET / HTTP/1.1\r\nX-User-Id: x\r\n"), 400),
    "CONNECT": 400,
}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: ascii(method)[:24])
async def test_an_absurd_method(method: str, container: Function) -> None:
    answer = await answered(container, load_balancer(Asked("GET", "/healthz")) | {"httpMethod": method})
    assert answer.status == METHODS[method], answer


HEADERS = {
    **dict.fromkeys(("\r", "\n", "a\r\nX: y", "a\0b"), 400),
    **dict.fromkeys(("ü", "\x85", "日本", "", " ", "\t"), 200),
    "x" * 20_000: 400,
}


@pytest.mark.parametrize("value", HEADERS, ids=lambda value: ascii(value)[:24])
async def test_an_absurd_header(value: str, container: Function) -> None:
    answer = await answered(container, http_api(Asked("GET", "/healthz", headers=(("X-Odd", value),))))
    assert answer.status == HEADERS[value], answer


@pytest.mark.parametrize("name", ["", " ", ":", "a b", "a:", "ü", "\ud800", "a\r\nb", "a\0"], ids=ascii)
async def test_an_absurd_header_name(name: str, container: Function) -> None:
    answer = await answered(container, http_api(Asked("GET", "/healthz")) | {"headers": {name: "x"}})
    assert problem(answer) == (400, "malformed_request")


@pytest.mark.parametrize(
    "body", ["x", "====", "YQ", "YQ==YQ==", "Y Q = =", "ü", "\ud800", "YQ==\n", 5, ["YQ=="]], ids=ascii
)
async def test_a_body_that_is_not_base64(body: Any, container: Function, outside: Outside) -> None:
    before = await outside.everything()
    event = load_balancer(Asked("POST", "/v1/images", headers=(("X-User-Id", "a"), ("Content-Type", "image/png"))))
    answer = await answered(container, event | {"body": body, "isBase64Encoded": True})
    assert problem(answer) == (400, "malformed_request")
    assert await outside.everything() == before


async def test_a_text_that_is_no_unicode(container: Function) -> None:
    event = http_api(Asked("PATCH", "/v1/images/x", headers=(("Content-Type", "application/json"),)))
    answer = await answered(container, event | {"body": '{"title": "\ud800"}'})
    assert problem(answer) == (400, "malformed_request")
    # A request that is sound as such, and of which the application says what is wrong.
    sound = event | {"body": base64.b64encode(b'{"title": "\xff"}').decode(), "isBase64Encoded": True}
    assert problem(await answered(container, sound)) == (401, "unauthenticated")
