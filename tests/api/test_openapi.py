"""`openapi.yaml` tells the truth: routes, parameters, limits and codes are those of the code."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.openapi import MADE, SOURCE, converted
from service.http import content, images, uploads
from service.http.app import make_app
from service.http.direct_uploads import MEMBERS
from service.http.images import EDITABLE
from service.http.metrics import Metrics
from service.http.parameters import LIMIT, LISTED, MOST
from service.images import MAX_BYTES
from service.intake.formats import WALKERS
from service.intake.labels import FILENAME_BYTES, TAG_CHARACTERS, TAGS, TITLE_CHARACTERS
from service.settings import Settings
from service.storage.objects import VARIANTS
from tests.driver import Client
from tests.unit.test_readme import RAISED, ROOT
from tests.wire import bare_head, exchange, problem

DOCUMENT: dict[str, Any] = yaml.safe_load(SOURCE.read_text("utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
METHODS = ("get", "post", "patch", "delete", "put")
FRAMING = {
    *("Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Expect", "Host"),
    *("X-Forwarded-Prefix", "X-Request-Id", "traceparent", "tracestate"),
    *("Origin", "Sec-Fetch-Site", "Access-Control-Request-Method"),
    *("traceparent", "tracestate"),
}
"""Headers of any request, which an OpenAPI document does not list as parameters: of HTTP, of gateways, of browsers, of
traces."""
HEADER = re.compile(
    r"""headers\.(?:get|getall)\(\s*"([A-Za-z-]+)\"|"([A-Z][A-Za-z-]+)" (?:not )?in (?:request\.)?headers"""
)
HANDED_OVER = re.compile(r'(?:_end_body|super\(\).__init__|DecoderDied)\(\s*"([a-z_]+)",')
OF_AWS = {f"{service}_unavailable" for service in ("s3", "sqs", "dynamodb")}
OF_STATUSES = {"not_found", "method_not_allowed", "expectation_failed"}
"""aiohttp's own, named by their status; the first two are of paths and methods that the document does not have."""


def _resolved(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        target: Any = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def _parameters(place: str, method: str, path: str) -> set[str]:
    item = DOCUMENT["paths"][path]
    every = [_resolved(one) for one in (*item.get("parameters", ()), *item[method].get("parameters", ()))]
    return {one["name"] for one in every if one["in"] == place}


def _references(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _codes(source: Path) -> set[str]:
    texts = [file.read_text() for file in source.rglob("*.py")]
    return {code for text in texts for pattern in (RAISED, HANDED_OVER) for code in pattern.findall(text)}


def test_the_json_is_that_of_the_yaml() -> None:
    """`make openapi` makes it."""
    assert MADE.read_bytes() == converted()


def test_all_references_lead_somewhere() -> None:
    found = list(_references(DOCUMENT))
    assert len(found) > 50
    assert all(_resolved(one) for one in found)


def test_the_version_is_the_projects() -> None:
    assert DOCUMENT["info"]["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_routes_and_methods_are_those_of_the_application(settings: Settings) -> None:
    """HEAD goes with GET, as the document says in its words."""
    app = make_app(settings)
    Metrics().watch(app)
    routes = {(one.method, one.resource.canonical) for one in app.router.routes() if one.resource}
    heads = {path for method, path in routes if method == "HEAD"}
    documented = {(method, path) for method, path, _ in _operations()}
    assert {route for route in routes if route[0] != "HEAD"} == documented
    assert heads == {path for method, path in documented if method == "GET"}


def test_query_parameters_are_those_of_the_code() -> None:
    known = {
        ("post", "/v1/images"): uploads.PARAMETERS,
        ("get", "/v1/images"): images.PARAMETERS,
        ("get", "/v1/images/{image_id}/content"): content.PARAMETERS,
    }
    for method, path, _ in _operations():
        found = _parameters("query", method.lower(), path)
        assert found == known.get((method.lower(), path), set()), path


def test_headers_are_those_that_the_code_reads() -> None:
    sources = "".join(file.read_text() for file in (ROOT / "service/http").rglob("*.py"))
    read = {one or other for one, other in HEADER.findall(sources)}
    documented = {name for method, path, _ in _operations() for name in _parameters("header", method.lower(), path)}
    assert documented <= read
    assert read - documented - FRAMING == {"X-User-Id"}
    assert DOCUMENT["components"]["securitySchemes"]["user"]["name"] == "X-User-Id"


def test_codes_are_those_of_the_code() -> None:
    """All that the service answers with, and all that the worker gives as a reason."""
    documented = {
        code
        for name in ("RefusalCode", "RequestCode", "UnavailableCode", "FailureCode")
        for code in SCHEMAS[name]["enum"]
    }
    members = {f"invalid_{name}" for name in MEMBERS | EDITABLE}
    raised = _codes(ROOT / "service") | _codes(ROOT / "worker")
    assert documented == raised | members | OF_AWS | OF_STATUSES


def test_each_answer_names_codes_that_there_are() -> None:
    every = {code for name in SCHEMAS if name.endswith("Code") for code in SCHEMAS[name]["enum"]}
    named = set(re.findall(r'"code":\{"(?:enum":\[([^]]*)\]|const":("[a-z_]+"))', MADE.read_text()))
    codes = {code for one in named for text in one for code in re.findall(r'"([a-z_]+)"', text)}
    assert len(codes) > 15
    assert codes <= every


def test_limits_are_those_of_the_code() -> None:
    image, page = SCHEMAS["Image"]["properties"], SCHEMAS["Page"]["properties"]
    lists = {one["name"]: one["schema"] for one in DOCUMENT["paths"]["/v1/images"]["get"]["parameters"]}
    assert (lists["limit"]["minimum"], lists["limit"]["maximum"], lists["limit"]["default"]) == (1, MOST, LIMIT)
    assert page["images"]["maxItems"] == MOST
    assert lists["status"]["enum"] == image["status"]["enum"] == LISTED
    assert set(SCHEMAS["ContentType"]["enum"]) == set(WALKERS)
    assert set(DOCUMENT["paths"]["/v1/images"]["post"]["requestBody"]["content"]) == {*WALKERS, "multipart/form-data"}
    assert {image["size"]["maximum"], SCHEMAS["WantedUpload"]["properties"]["size"]["maximum"]} == {MAX_BYTES}
    assert (image["title"]["maxLength"], image["filename"]["maxLength"]) == (TITLE_CHARACTERS, FILENAME_BYTES)
    assert (image["tags"]["maxItems"], image["tags"]["items"]["maxLength"]) == (TAGS, TAG_CHARACTERS)
    assert set(image["variants"]["propertyNames"]["enum"]) == set(VARIANTS)
    assert set(SCHEMAS["Changes"]["properties"]) == EDITABLE
    assert set(SCHEMAS["WantedUpload"]["properties"]) == MEMBERS


async def test_it_is_served_to_anybody(client: Client) -> None:
    """With a tag, for whoever has it already."""
    answer = await exchange(client, bare_head(target="/openapi.json", method="GET"))
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == json.loads(json.dumps(DOCUMENT))
    assert answer.headers["Cache-Control"].startswith("public, max-age=")
    tag = answer.headers["ETag"]
    for header, status in ((tag, 304), (f'"x", W/{tag}', 304), ("*", 304), ('"x"', 200)):
        again = await client.get("/openapi.json", If_None_Match=header)
        assert (again.status, again.headers["ETag"]) == (status, tag)


@pytest.mark.parametrize(
    ("method", "path", "operation"), [*_operations()], ids=lambda value: value if isinstance(value, str) else ""
)
async def test_who_is_asked_for(method: str, path: str, operation: dict[str, Any], client: Client) -> None:
    """Each call without a user is 401, but for those that the document says are open to anybody."""
    target = path.format(image_id=SCHEMAS["ImageId"]["examples"][0], version="0", name="app.js")
    answer = await exchange(client, bare_head("Content-Length: 0", target=target, method=method))
    if operation.get("security") == []:
        assert answer.status == 200
    else:
        assert problem(answer) == (401, "unauthenticated")
        assert "401" in operation["responses"]
