"""Reading events and writing answers, for events of every make."""

import base64
import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.gateway.requests import NotHttp, Request, read
from service.gateway.responses import Response, write
from tests.serverless.events import Asked, Event, Pairs, function_url, http_api, rest_api
from tests.serverless.senders import FUNCTION_URL, HTTP_API, KINDS, LOAD_BALANCER, Kind, received

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8
)
NAMES = st.text(st.characters(codec="ascii", categories=("Ll", "Nd")), min_size=1, max_size=8).map(
    lambda name: f"x-{name}"
)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
PARAMETERS = st.lists(st.tuples(TEXTS.filter(bool), TEXTS), max_size=5)
ANY_KIND = pytest.mark.parametrize("kind", KINDS, ids=str)
PHOTO = b"\x89PNG\r\n\x1a\n\0\xff"


def asked_again(request: Request) -> tuple[str, list[tuple[str, str]]]:
    """Path and parameters that a server makes of the target."""
    path, _, query = request.target.partition("?")
    return unquote(path), parse_qsl(query, keep_blank_values=True, errors="strict")


@pytest.mark.parametrize(
    "private",
    [{"body": "PRIVATE\ud800"}, {"rawQueryString": "title=PRIVATE\ud800"}, {"rawPath": "/PRIVATE\ud800"}],
    ids=["body", "query", "path"],
)
def test_what_is_wrong_is_said_without_the_text_that_it_is_wrong_with(private: Event) -> None:
    """It is logged."""
    with pytest.raises(NotHttp, match="UnicodeEncodeError") as error:
        read(http_api(Asked("POST", "/v1/images")) | private)
    assert "PRIVATE" not in str(error.value)


@ANY_KIND
@settings(deadline=None)
@given(segments=st.lists(TEXTS, max_size=3), parameters=PARAMETERS)
def test_paths_and_parameters_arrive(kind: Kind, segments: list[str], parameters: list[tuple[str, str]]) -> None:
    """Whatever characters they are of, as a target that can stand in a request line."""
    path = "/" + "/".join(segments)
    asked = Asked("GET", quote(path), urlencode(parameters))
    request = read(kind.event(asked, "alice"))
    assert request.target.isascii()
    assert not set(request.target) & set(' "#<>\\^`{|}\r\n\0')
    found, values = asked_again(request)
    if kind is not HTTP_API or "%" not in path:  # which decodes a path, so that nobody can tell what a "%" was
        assert found == path
    # One name's values keep their order; that of different names is in no event but payload 2.0.
    last = dict(parameters)
    expected = parameters if kind is not LOAD_BALANCER else list(last.items())
    for name in last:
        assert [v for n, v in values if n == name] == [v for n, v in expected if n == name]
    assert len(values) == len(expected)


@ANY_KIND
@settings(deadline=None)
@given(headers=st.lists(st.tuples(NAMES, VALUES), max_size=5), body=st.binary(max_size=50), text=TEXTS)
def test_headers_and_bodies_arrive(kind: Kind, headers: list[tuple[str, str]], body: bytes, text: str) -> None:
    for kind_of_body, content in (("image/png", body), ("application/json", text.encode())):
        given_headers: Pairs = (("Content-Type", kind_of_body), *headers)
        request = read(kind.event(Asked("POST", "/", headers=given_headers, body=content), "alice"))
        assert (request.body or b"") == content
        for name in {name for name, _ in headers}:
            wanted = [value for one, value in headers if one == name]
            joined = ",".join(value for one, value in request.headers if one == name)
            assert joined == (wanted[-1] if kind is LOAD_BALANCER else ",".join(wanted))


@settings(deadline=None)
@given(event=JSON)
def test_anything_is_a_request_or_is_none(event: Any) -> None:
    answered(event)


MEMBERS = sorted({member for kind in KINDS for member in kind.event(Asked("GET", "/"), "alice")})
IN_CONTEXT = ("http", "elb", "stage", "path", "domainName", "authorizer")


@settings(deadline=None, max_examples=200)
@given(
    kind=st.sampled_from(KINDS),
    changed=st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=3),
    within=st.dictionaries(st.sampled_from(IN_CONTEXT), JSON, max_size=2),
    authorizer=st.dictionaries(st.sampled_from(("jwt", "lambda", "iam", "claims", "principalId", "sub")), JSON),
)
def test_a_sound_event_with_odd_members(kind: Kind, changed: Event, within: Event, authorizer: Event) -> None:
    event = kind.event(Asked("GET", "/v1/images", "a=b", (("Cookie", "a=b"),)), "alice")
    event["requestContext"] |= {"authorizer": authorizer} | within
    answered(event | changed)


def answered(event: Any) -> None:
    """See that the event is read or refused, and that an answer can be written for its sender."""
    with suppress(NotHttp):
        request = read(event, base_path="/photos")
        assert request.target.startswith("/")
        assert request.target.isascii()
        assert all(isinstance(value, str) for pair in request.headers for value in pair)
        assert isinstance(request.body, bytes | None)
        assert isinstance(request.user, str | None)
    answer = write(Response(200, [("Content-Type", "image/png")], PHOTO), event)
    assert json.loads(json.dumps(answer)) == answer
    assert base64.b64decode(answer["body"]) == PHOTO


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ("/a%20b", "/a%20b"),
        ("/a b", "/a%20b"),
        ("/%", "/%25"),
        ("/%zz%4", "/%25zz%254"),
        ("/ü", "/%C3%BC"),
        ("/%c3%bc", "/%c3%bc"),
        ("/%2F%2e", "/%2F%2e"),
        ("/a?b#c", "/a%3Fb%23c"),
        ("/a+b&c=d;e", "/a+b&c=d;e"),
        ("//", "//"),
        ("", "/"),
    ],
)
def test_a_path_decoded_or_not(raw: str, target: str) -> None:
    """One that is encoded already is left as it is."""
    assert read(http_api(Asked("GET", "/")) | {"rawPath": raw}).target == target


def test_a_query_of_bytes_that_are_no_text() -> None:
    """Stays as the client sent it where the event keeps it raw."""
    for make in (http_api, function_url):
        target = read(make(Asked("GET", "/", "cursor=%FF&x"))).target
        assert (target, unquote_to_bytes(target)) == ("/?cursor=%FF&x", b"/?cursor=\xff&x")


KINDS_OF_BODY = {
    **dict.fromkeys(("text/plain", "application/json", "application/json; charset=utf-8"), False),
    **dict.fromkeys(("application/problem+json", "application/vnd.a.b-c+json"), False),
    **dict.fromkeys(("image/png", "image/svg+xml", "application/octet-stream", "application/jsonp", "x/text/"), True),
}


@ANY_KIND
@pytest.mark.parametrize("content_type", [*KINDS_OF_BODY, None])
def test_binary_bodies_are_in_base64(kind: Kind, content_type: str | None) -> None:
    """Also one of which nobody says what it is; and nothing is no binary body."""
    event = kind.event(Asked("GET", "/"), "alice")
    binary = KINDS_OF_BODY[content_type] if content_type else True
    content = PHOTO if binary else '{"a": "ü"}'.encode()
    headers = [("Content-Type", content_type)] if content_type else []
    answer = write(Response(200, headers, content), event)
    assert (answer["isBase64Encoded"], received(event, answer).body) == (binary, content)
    nothing = write(Response(204, headers), event)
    assert (nothing["body"], nothing["isBase64Encoded"]) == ("", False)


@ANY_KIND
def test_the_connection_s_own_headers_stay_behind(kind: Kind) -> None:
    """Others are handed over, several values of one name together."""
    event = kind.event(Asked("GET", "/"), "alice")
    own = [("Connection", "close"), ("Keep-Alive", "timeout=5"), ("Transfer-Encoding", "chunked")]
    answer = write(Response(503, [*own, ("ETag", '"x"'), ("Vary", "a"), ("vary", "b")]), event)
    values = answer.get("headers") or {
        name: ", ".join(several) for name, several in answer["multiValueHeaders"].items()
    }
    assert values == {"etag": '"x"', "vary": "a, b"}
    assert answer.get("statusDescription") in (None, "503 Service Unavailable")


def test_cookies_have_a_member_of_their_own() -> None:
    """In payload 2.0; elsewhere they are headers."""
    response = Response(200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    for kind in (HTTP_API, FUNCTION_URL):
        answer = write(response, kind.event(Asked("GET", "/"), "alice"))
        assert (answer["cookies"], answer["headers"]) == (["a=1", "b=2"], {})
    answer = write(response, rest_api(Asked("GET", "/")))
    assert answer["multiValueHeaders"] == {"set-cookie": ["a=1", "b=2"]}


@pytest.mark.parametrize("name", ["multiValueHeaders", "multiValueQueryStringParameters"])
def test_members_that_are_null(name: str) -> None:
    """Count as not there."""
    event = LOAD_BALANCER.event(Asked("GET", "/", "a=%20"), "alice") | {name: None}
    request = read(event)
    assert (request.target, ("x-user-id", "alice") in request.headers) == ("/?a=%20", True)
    assert "headers" in write(Response(200, []), event)
