"""Settings: which variable wins, what cannot be used, and on which addresses the service does not listen."""

import os
import socket
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.errors import SettingsError
from service.http.server import refuse_blind_trust, serving
from service.images import new_image_id
from service.settings import Settings
from service.storage import open_storage
from tests.driver import client_of

ANY, COMMON, S3, SQS, DYNAMODB = "http://any:1", "http://common:2", "http://s3:3", "http://sqs:4", "http://dynamodb:5"


def endpoints(settings: Settings) -> tuple[str | None, str | None, str | None]:
    """Of S3, SQS and DynamoDB."""
    return settings.endpoint_s3, settings.endpoint_sqs, settings.endpoint_dynamodb


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, (None, None, None)),
        ({"AWS_ENDPOINT": COMMON}, (COMMON, COMMON, COMMON)),
        ({"AWS_ENDPOINT_URL": ANY}, (ANY, ANY, ANY)),
        ({"AWS_ENDPOINT": COMMON, "AWS_ENDPOINT_URL": ANY}, (COMMON, COMMON, COMMON)),
        ({"AWS_ENDPOINT_URL_S3": S3}, (S3, None, None)),
        ({"AWS_ENDPOINT_URL_SQS": SQS, "AWS_ENDPOINT": COMMON}, (COMMON, SQS, COMMON)),
        ({"AWS_ENDPOINT_URL_DYNAMODB": DYNAMODB, "AWS_ENDPOINT_URL": ANY}, (ANY, ANY, DYNAMODB)),
        (
            {"AWS_ENDPOINT_URL_S3": S3, "AWS_ENDPOINT_URL_SQS": SQS, "AWS_ENDPOINT_URL_DYNAMODB": DYNAMODB},
            (S3, SQS, DYNAMODB),
        ),
        ({"AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT": "", "AWS_ENDPOINT_URL": ANY}, (ANY, ANY, ANY)),
        ({"AWS_ENDPOINT": ""}, (None, None, None)),
    ],
)
def test_the_most_special_endpoint_wins(
    environ: dict[str, str], expected: tuple[str | None, str | None, str | None]
) -> None:
    assert endpoints(Settings.from_env(environ)) == expected
    assert (
        Settings.from_env(environ).endpoint_sns == Settings.from_env({**environ, "AWS_ENDPOINT_URL_S3": ""}).endpoint_s3
    )


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
    ],
)
def test_the_region(environ: dict[str, str], region: str) -> None:
    assert Settings.from_env(environ).region == region


async def test_without_endpoints_it_is_aws_itself() -> None:
    """Each part can be made, and a URL be presigned, without a word to AWS."""
    settings = Settings.from_env({"AWS_DEFAULT_REGION": "eu-west-1"})
    async with open_storage(settings) as storage:
        url = urlsplit(await storage.objects.presigned_url("alice", new_image_id(), "original", 60))
    assert (url.scheme, url.hostname) == ("https", "image-bucket.s3.eu-west-1.amazonaws.com")


def test_an_override_wins_over_the_environment_and_none_is_not_one() -> None:
    environ = {"HOST": "::1", "PORT": "9000"}
    settings = Settings.from_env(environ, host=None, port=9001, trust_user_header=None)
    assert (settings.host, settings.port, settings.trust_user_header) == ("::1", 9001, False)


def test_an_override_spares_what_it_replaces() -> None:
    assert Settings.from_env({"PORT": "none"}, port=9001).port == 9001


def test_the_process_s_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE_BUCKET", "mine")
    assert Settings.from_env().bucket == "mine"


def test_no_variable_belongs_to_two_settings() -> None:
    """But for the endpoint, the region and such, which have several names."""
    first = [one.metadata["env"][0] for one in fields(Settings)]
    assert len(set(first)) == len(first)


def test_every_default_is_a_value_that_could_be_set() -> None:
    for one in fields(Settings):
        if one.default is not None:
            text = str(int(one.default)) if isinstance(one.default, bool) else str(one.default)
            settings = Settings.from_env({one.metadata["env"][0]: text})
            assert getattr(settings, one.name) == one.default


@pytest.mark.parametrize(("text", "value"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("No", False)])
def test_flags(text: str, value: bool) -> None:
    assert Settings.from_env({"TRUST_USER_HEADER": text}).trust_user_header is value


UNUSABLE = [
    *(("PORT", text) for text in ("http", "-1", "65536", "80.5", "8080 8081")),
    *(("TRUST_USER_HEADER", text) for text in ("maybe", "2", "-")),
    *(("BODY_IDLE_SECONDS", text) for text in ("0", "-1", "nan", "inf", "1e9", "soon")),
    *(("MAX_PIXELS", text) for text in ("0", "1e6", "many", "99999999999")),
    *(("LOG_LEVEL", text) for text in ("debug", "ALL")),
    *(("AUTH_MODE", text) for text in ("none", "apikey", "HEADER")),
    *(("SPOOL_MEMORY_BYTES", text) for text in ("-1", "64 MB")),
    *(("DECODERS", "0"), ("MAX_DELIVERIES", "0"), ("POLL_SECONDS", "21"), ("VISIBILITY_SECONDS", "43201")),
    *(("AWS_ENDPOINT", text) for text in ("localhost:4566", "//localhost:4566", "ftp://localhost", "http://")),
    *(("AWS_ENDPOINT_URL_SQS", text) for text in ("localhost:4566", "http://localhost:port")),
    ("AWS_PUBLIC_ENDPOINT_S3", "localhost:4566"),
]


@pytest.mark.parametrize(("variable", "text"), UNUSABLE)
def test_an_error_names_the_variable_and_its_value(variable: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({variable: text})
    assert variable in str(caught.value)
    assert repr(text) in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_an_error_names_the_variable_that_was_read() -> None:
    """Of the several that could be."""
    with pytest.raises(SettingsError, match=r"^AWS_ENDPOINT_URL "):
        Settings.from_env({"AWS_ENDPOINT_URL": "localhost:4566"})


# Addresses

LOOPBACK = ("127.0.0.1", "127.8.7.6", "::1", "localhost")
PUBLIC = ("0.0.0.0", "::", "", "192.168.1.7", "10.0.0.1", "8.8.8.8", "fe80::1", "2001:db8::1", "photos.example", "0")


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_loopback_address_may_trust_the_header(host: str) -> None:
    refuse_blind_trust(Settings(host=host))


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_must_not_trust_the_header_by_mistake(host: str) -> None:
    with pytest.raises(SettingsError, match="TRUST_USER_HEADER"):
        refuse_blind_trust(Settings(host=host))
    refuse_blind_trust(Settings(host=host, trust_user_header=True))


async def test_the_service_does_not_listen_where_it_must_not() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(SettingsError, match="X-User-Id"):
        async with serving(Settings(host="0.0.0.0", port=port)):
            pass
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))


async def test_a_taken_port_is_named(endpoint: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"{port} .* taken.* PORT"):
            async with serving(Settings(port=port, endpoint_s3=endpoint)):
                pass


async def test_an_unknown_address_is_named(endpoint: str) -> None:
    with pytest.raises(SettingsError, match=r"203\.0\.113\.9"):
        async with serving(Settings(host="203.0.113.9", port=0, trust_user_header=True, endpoint_s3=endpoint)):
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_the_service_says_where_it_listens(host: str, endpoint: str) -> None:
    if ":" in host and not speaks_ipv6():
        pytest.skip("there is no IPv6 here")
    async with client_of(Settings(host=host, port=0, endpoint_s3=endpoint), "alice") as client:
        assert (await client.get("/healthz")).status == 200


def speaks_ipv6() -> bool:
    """Containers often do not."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


# The command line

MISTAKES = {
    "address": (["--host", "0.0.0.0"], {}, "TRUST_USER_HEADER"),
    "port": (["--port", "99999"], {}, "port"),
    "variable": ([], {"MAX_PIXELS": "many"}, "MAX_PIXELS"),
    "endpoint": ([], {"AWS_ENDPOINT": "localhost:4566"}, "AWS_ENDPOINT"),
    "region": ([], {"AWS_DEFAULT_REGION": "us east"}, "AWS_DEFAULT_REGION"),
    "spool": ([], {"SPOOL_DIR": "/nowhere/at/all"}, "SPOOL_DIR"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_one_line(name: str, endpoint: str, tmp_path: Path) -> None:
    """With exit code 2, as for every wrong use of a command, and without a traceback."""
    words, variables, named = MISTAKES[name]
    environ = {"PATH": os.environ["PATH"], "AWS_ENDPOINT": endpoint, "PORT": "0", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", "serve", *words],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert named.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr
