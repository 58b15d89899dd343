"""`cloud-images doctor` as whoever runs the service meets it: settings that are wrong, its report, and how it ends."""

import asyncio
import json
import signal
from typing import Any

import pytest

from service.settings import Settings
from tests.api.processes import Ended, environment, run, started
from tests.backstage import until
from tests.driver import Client
from tests.faults.proxy import proxy_to, through
from tests.issuer import issuing

NOWHERE = "http://127.0.0.1:1"
"""Where nothing listens: what is about AWS ends there at once."""
NO_ROLE = {"AWS_EC2_METADATA_DISABLED": "true"}

SETTINGS: list[tuple[dict[str, str], str, str, str, str]] = [
    ({"PORT": "http"}, "settings", "wrong", "PORT must be a whole number", "correct or unset it"),
    ({"IMAGES_BUCKET": "mine"}, "settings", "warning", "IMAGES_BUCKET is no setting", "IMAGE_BUCKET"),
    ({"HOST": "0.0.0.0"}, "users", "wrong", "HOST=0.0.0.0", "TRUST_USER_HEADER=1"),
    ({"AUTH_MODE": "jwt"}, "users", "wrong", "JWT_ISSUER", "set JWT_ISSUER"),
    (
        {"AUTH_MODE": "jwt", "JWT_ISSUER": NOWHERE, "JWT_AUDIENCE": "images"},
        *("issuer", "wrong", "cannot be had", f"{NOWHERE}/.well-known/openid-configuration"),
    ),
    ({"AUTH_MODE": "api-key"}, "users", "wrong", "API_KEYS_FILE", "cloud-images api-key create"),
    ({"AUTH_MODE": "api-key", "API_KEYS_FILE": "/nowhere"}, "users", "wrong", "/nowhere", "API_KEYS_FILE"),
    ({"SHUTDOWN_SECONDS": "60"}, "fit together", "warning", "SHUTDOWN_SECONDS=60", "give the container 65 seconds"),
    ({"VISIBILITY_SECONDS": "10"}, "fit together", "warning", "DECODE_SECONDS=30", "set VISIBILITY_SECONDS=60"),
    ({"WORKER_CONCURRENCY": "1", "DECODERS": "4"}, "fit together", "warning", "idle", "WORKER_CONCURRENCY=8"),
    (
        {"JWT_KEYS_SECONDS": "600", "JWT_KEYS_STALE_SECONDS": "60"},
        *("fit together", "warning", "dropped", "JWT_KEYS_STALE_SECONDS=600"),
    ),
    ({"QUOTA_BYTES": "1000"}, "fit together", "warning", "QUOTA_BYTES=1000", "5242880"),
    (
        {"HOST": "0.0.0.0", "TRUST_USER_HEADER": "1", "KEEP_ALIVE_SECONDS": "30", "AWS_PUBLIC_ENDPOINT_S3": NOWHERE},
        *("fit together", "warning", "balancer", "KEEP_ALIVE_SECONDS=75"),
    ),
    (
        {"HOST": "0.0.0.0", "TRUST_USER_HEADER": "1"},
        *("fit together", "warning", "presigned URLs lead to 127.0.0.1", "AWS_PUBLIC_ENDPOINT_S3"),
    ),
    ({"SPOOL_DIR": "/dev/shm"}, "spool", "warning", "tmpfs", "SPOOL_DIR"),
    ({"MAX_CONNECTIONS": "1000000"}, "open files", "warning", "MAX_CONNECTIONS=1000000", "LimitNOFILE=2000100"),
    (
        {"DECODERS": "256", "WORKER_CONCURRENCY": "256", "MAX_PIXELS": "1000000000"},
        "memory",
        "warning",
        "MB",
        "DECODERS=",
    ),
    ({"DECODER_SECCOMP": "off"}, "decoder", "warning", "without a filter", "DECODER_SECCOMP=auto"),
    ({"DECODER_MEMORY_BYTES": "134217728"}, "decoder", "wrong", "no picture can be decoded", "DECODER_MEMORY_BYTES"),
    (
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", **NO_ROLE},
        *("credentials", "wrong", "there are none", "AWS_ACCESS_KEY_ID"),
    ),
    (
        {"AWS_SECRET_ACCESS_KEY": ""},
        "fit together",
        "warning",
        "AWS_SECRET_ACCESS_KEY is not",
        "set AWS_SECRET_ACCESS_KEY",
    ),
    ({"AWS_PROFILE": "nobody", "AWS_CONFIG_FILE": "/dev/null"}, "credentials", "wrong", "nobody", "AWS_PROFILE"),
    ({"CLOUD_IMAGES_URL": NOWHERE}, "service", "wrong", "does not answer", "cloud-images serve"),
]
NAMES = [" ".join(f"{name}={value}" for name, value in one[0].items()) for one in SETTINGS]


def checks(ended: Ended) -> list[dict[str, str]]:
    """The report, as programs read it."""
    said: dict[str, Any] = json.loads(ended.out)
    assert ended.code == (0 if said["ok"] else 1), ended
    assert "Traceback" not in ended.err
    found: list[dict[str, str]] = said["checks"]
    return found


@pytest.fixture(scope="module")
async def reports() -> list[list[dict[str, str]] | BaseException]:
    """What is found with each of SETTINGS; a few at once, as each spends its time on starting Python."""
    few = asyncio.Semaphore(3)

    async def report(given: dict[str, str]) -> list[dict[str, str]]:
        async with few:
            return checks(
                await run(environment(None, **{"AWS_ENDPOINT": NOWHERE, **given}), "doctor", "--json", seconds=120)
            )

    return await asyncio.gather(*(report(one[0]) for one in SETTINGS), return_exceptions=True)


@pytest.mark.parametrize("at", range(len(SETTINGS)), ids=NAMES)
async def test_a_setting_that_is_wrong(reports: list[list[dict[str, str]] | BaseException], at: int) -> None:
    """It is named, and what to write instead."""
    _, check, state, seen, mend = SETTINGS[at]
    found = reports[at]
    assert isinstance(found, list), found
    assert [
        one
        for one in found
        if one["check"] == check and one["state"] == state and seen in one["seen"] and mend in one["mend"]
    ], [one for one in found if one["check"] == check]


async def test_settings_that_are_all_wrong() -> None:
    """Each is told, not only the first; and nothing else is said to be wrong."""
    given = {"PORT": "http", "DECODERS": "0", "AUTH_MODE": "trust-me", "AWS_ENDPOINT": "4566"}
    ended = await run(environment(None, **given), "doctor")
    assert ended.code == 1
    lines = ended.out.splitlines()
    wrong = [line for line in lines if line.startswith("wrong")]
    assert len(wrong) == len(given)
    for name, value in given.items():
        assert [line for line in wrong if f"{name} must be" in line and f"'{value}'" in line]
    assert [line for line in lines if line.startswith("not checked") and "bucket" in line]
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("words", ["doctor", "doctor --debug", "doctor --json", "doctor --json --debug"])
async def test_all_is_right(settings: Settings, client: Client, words: str) -> None:
    """0, a line a check, a service too; and no credential in any of it."""
    secret = "a-secret-that-nobody-may-read-0123456789"
    given = environment(settings, AWS_SECRET_ACCESS_KEY=secret, AWS_SESSION_TOKEN=secret, CLOUD_IMAGES_URL=client.url)
    ended = await run(given, *words.split())
    assert ended.code == 0, ended.out + ended.err
    assert secret not in ended.out + ended.err
    if "--json" in words:
        assert {"users", "clock", "bucket", "sqs send", "service version"} <= {one["check"] for one in checks(ended)}
    else:
        *lines, empty, summary = ended.out.splitlines()
        assert all(line.startswith(("ok ", "warning ")) for line in lines), ended.out
        assert (empty, summary.split()[1].rstrip(",")) == ("", "ok")
    if "--debug" not in words:
        assert ended.err == ""


async def test_an_issuer_that_answers() -> None:
    """Its keys can be had."""
    async with issuing() as issuer:
        given = {"AUTH_MODE": "jwt", "JWT_ISSUER": issuer.url, "JWT_AUDIENCE": "images"}
        found = checks(await run(environment(None, **{"AWS_ENDPOINT": NOWHERE, **given}), "doctor", "--json"))
    assert [one["state"] for one in found if one["check"] == "issuer"] == ["ok"]


async def test_a_service_that_is_none(endpoint: str) -> None:
    """What answers there is something else."""
    given = environment(AWS_ENDPOINT=NOWHERE, CLOUD_IMAGES_URL=endpoint)
    (service,) = [one for one in checks(await run(given, "doctor", "--json")) if one["check"] == "service"]
    assert service["state"] == "wrong"
    assert "CLOUD_IMAGES_URL" in service["mend"]


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
async def test_broken_off(settings: Settings, name: signal.Signals) -> None:
    """2, soon, and nothing of a probe stays."""
    async with proxy_to(str(settings.endpoint_s3)) as proxy:
        with proxy.breaking("s3 GetObject incoming", "hang") as rule:

            async def met() -> bool:
                return rule.met > 0

            async with started(environment(through(settings, proxy)), "doctor") as process:
                await until(met)
                process.send_signal(name)
                out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2, err.decode()
    assert err.decode().startswith("cloud-images: broken off")
    assert "Traceback" not in out.decode() + err.decode()
    assert proxy.all["s3 DeleteObjects"] + proxy.all["s3 DeleteObject incoming"] == 1
