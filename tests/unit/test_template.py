"""The numbers of `deploy/template.yaml`, which must fit each other, the code and the Makefile."""

import dataclasses
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from service.http.auth import OPEN
from service.http.cross_origin import ALLOWED, EXPOSED
from service.settings import Settings
from service.storage.provision_bucket import CORS

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("ServiceFunction", "WorkerFunction")
FINISH_SECONDS = 5
"""So long before its time is over the worker's function gives back what it has not done."""


@cache
def template() -> Any:
    """As cfn-lint reads it. Its import takes seconds, which processes that only collect the tests are spared."""
    from cfnlint.decode.cfn_yaml import load

    return load(str(ROOT / "deploy/template.yaml"))


def properties(resource: str) -> Any:
    """Of a resource."""
    return template()["Resources"][resource]["Properties"]


def variables(function: str) -> dict[str, Any]:
    """The environment of a function."""
    given: dict[str, Any] = properties(function)["Environment"]["Variables"]
    return given


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_variable_is_a_setting(function: str) -> None:
    """And one that can be read."""
    known = {name for one in dataclasses.fields(Settings) for name in one.metadata["env"]}
    given = variables(function)
    assert set(given) <= known
    Settings.from_env({name: text for name, text in given.items() if isinstance(text, str)})


def test_a_batch_is_done_in_time() -> None:
    """Even if every image of it takes as long as it may, in the only decoder."""
    worker = Settings.from_env({name: text for name, text in variables("WorkerFunction").items() if str(text) == text})
    assert worker.decoders == 1
    batch = properties("WorkerEvents")["BatchSize"]
    assert batch * worker.decode_seconds < properties("WorkerFunction")["Timeout"] - FINISH_SECONDS
    assert worker.decoder_memory < properties("WorkerFunction")["MemorySize"] * 1024 * 1024


def test_messages_stay_hidden_long_enough() -> None:
    """Six times the time-out of the function: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    assert properties("Queue")["VisibilityTimeout"] >= 6 * properties("WorkerFunction")["Timeout"]


def test_the_last_delivery_is_known_to_be_the_last() -> None:
    """To the function as to the queue."""
    deliveries = properties("Queue")["RedrivePolicy"]["maxReceiveCount"]
    assert {int(variables(function)["MAX_DELIVERIES"]) for function in FUNCTIONS} == {deliveries}


def test_answers_come_before_the_gateway_gives_up() -> None:
    """An HTTP API waits for 30 seconds."""
    timeout = properties("ServiceFunction")["Timeout"]
    assert float(variables("ServiceFunction")["PREFER_WAIT_SECONDS"]) < timeout < 30


def test_pages_of_other_origins_may_the_same_here_and_there() -> None:
    """The API answers for the application, which still has to know them: it refuses changes by pages of others."""
    cors = properties("Api")["CorsConfiguration"]["Fn::If"][1]
    # The API asks for tokens only.
    assert {*cors["AllowHeaders"], "x-api-key"} == set(ALLOWED)
    assert cors["ExposeHeaders"] == list(EXPOSED)
    assert variables("ServiceFunction")["CORS_ORIGINS"] == {"Fn::Join": [",", {"Ref": "AllowedOrigins"}]}
    pattern = re.compile(template()["Parameters"]["AllowedOrigins"]["AllowedPattern"])
    for origin in ("https://example.org", "http://localhost:5173"):
        assert pattern.fullmatch(origin)
        assert Settings.from_env({"CORS_ORIGINS": origin}).cors_origins == origin
    assert not any(map(pattern.fullmatch, ("*", "null", "https://*.example.org", "https://example.org/page")))


def test_the_bucket_takes_forms_from_the_gallery() -> None:
    """Whose origin, the API's own, no parameter names; as `cloud-images provision` lets it."""
    rules = properties("Bucket")["CorsConfiguration"]["CorsRules"]
    here = {method for rule in rules if rule["AllowedOrigins"] == ["*"] for method in rule["AllowedMethods"]}
    assert here == set(CORS["AllowedMethods"])


def test_what_asks_nobody_is_open_at_the_gateway() -> None:
    """Though all else asks for a token there, if there is an issuer; figures are of processes only.

    To probes that ask by HEAD, too, as at the server.
    """
    resources = template()["Resources"].values()
    routes = [one["Properties"] for one in resources if one["Type"] == "AWS::ApiGatewayV2::Route"]
    everybodys = {one["RouteKey"] for one in routes if one["AuthorizationType"] == "NONE"}
    inside = {route.partition("{")[0] + "{proxy+}" if "{" in route else route for route in OPEN - {"/metrics"}}
    assert everybodys == {f"{method} {route}" for method in ("GET", "HEAD") for route in inside}


def test_packages_are_made_for_the_runtime() -> None:
    """Of both functions, by default."""
    (made_for,) = re.findall(r"^PYTHON_VERSION \?= ([\d.]+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {properties(function)["Runtime"] for function in FUNCTIONS} == {f"python{made_for}"}


def test_the_alarms_are_those_that_are_documented() -> None:
    """In docs/operations.md, beside the figures that they stand for."""
    alarms = {name for name, one in template()["Resources"].items() if one["Type"] == "AWS::CloudWatch::Alarm"}
    assert set(re.findall(r"`(\w+Alarm)`", (ROOT / "docs/operations.md").read_text())) == alarms
