"""`cloud-images doctor` as whoever runs the service meets it: settings that are wrong, its report, and how it ends."""

import asyncio
import json
import signal
from typing import Any

import pytest

from service.doctor import examine
from service.findings import Examination
from service.settings import Settings
from tests.api.processes import SECONDS, Ended, environment, run, started
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
    ({"DECODER_MEMORY_BYTES": "134217728"}, "fit together", "warning", "MAX_PIXELS", "DECODER_MEMORY_BYTES=800000000"),
    (
        {"AWS_ACCESS_KEY_ID": "test"},
        "fit together",
        "warning",
        "AWS_SECRET_ACCESS_KEY is not",
        "set AWS_SECRET_ACCESS_KEY",
    ),
    ({"CLOUD_IMAGES_URL": NOWHERE}, "service", "wrong", "does not answer", "cloud-images serve"),
]
CREDENTIALS: list[tuple[dict[str, str], str, str]] = [
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", **NO_ROLE}, "there are none", "AWS_ACCESS_KEY_ID"),
    ({"AWS_SECRET_ACCESS_KEY": "", **NO_ROLE}, "AWS_SECRET_ACCESS_KEY", "set both keys"),
    ({"AWS_PROFILE": "nobody", "AWS_CONFIG_FILE": "/dev/null"}, "nobody", "AWS_PROFILE"),
]
NAMES = [" ".join(f"{name}={value}" for name, value in one[0].items()) for one in SETTINGS]


def checks(ended: Ended) -> list[dict[str, str]]:
    """The report, as programs read it."""
    said: dict[str, Any] = json.loads(ended.out)
    assert ended.code == (0 if said["ok"] else 1), ended
    assert "Traceback" not in ended.err
    found: list[dict[str, str]] = said["checks"]
    return found


@pytest.mark.parametrize(("given", "check", "state", "seen", "mend"), SETTINGS, ids=NAMES)
async def test_a_setting_that_is_wrong(given: dict[str, str], check: str, state: str, seen: str, mend: str) -> None:
    """It is named, and what to write instead."""
    examination = Examination(lambda _: None)
    await examine(examination, {"AWS_ENDPOINT": NOWHERE, **given}, given.get("CLOUD_IMAGES_URL"))
    found = [one for one in examination.findings if one.what == check]
    assert [one for one in found if one.state == state and seen in one.seen and mend in one.mend], found


@pytest.mark.parametrize(("given", "seen", "mend"), CREDENTIALS, ids=[" ".join(one[0]) for one in CREDENTIALS])
async def test_credentials_that_there_are_not(given: dict[str, str], seen: str, mend: str) -> None:
    """It says what is missing; what needs them is not checked."""
    ended = await run(environment(None, **{"AWS_ENDPOINT": NOWHERE, **given}), "doctor", "--json", seconds=120)
    found = {one["check"]: one for one in checks(ended)}
    credentials = found["credentials"]
    assert (credentials["state"], seen in credentials["seen"], mend in credentials["mend"]) == ("wrong", True, True), (
        found
    )
    assert found["bucket"]["state"] == "not checked"


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


@pytest.mark.parametrize("words", ["doctor", "doctor --json"])
async def test_all_is_right(settings: Settings, client: Client, words: str) -> None:
    """0, and a line a check, of a service too."""
    ended = await run(environment(settings, CLOUD_IMAGES_URL=client.url), *words.split())
    assert (ended.code, ended.err) == (0, ""), ended.out + ended.err
    if "--json" in words:
        assert {"users", "clock", "bucket", "sqs send", "service version"} <= {one["check"] for one in checks(ended)}
        return
    *lines, empty, summary = ended.out.splitlines()
    assert all(line.startswith(("ok ", "warning ")) for line in lines), ended.out
    assert (empty, summary.split()[1].rstrip(",")) == ("", "ok")


@pytest.mark.parametrize("words", ["doctor --debug", "doctor --json --debug"])
async def test_no_credential_is_shown(settings: Settings, words: str) -> None:
    """Also of one that is wrong, which is told: the local AWS looks at the signatures of presigned URLs."""
    secret = "a-secret-that-nobody-may-read-0123456789"
    ended = await run(environment(settings, AWS_SECRET_ACCESS_KEY=secret), *words.split())
    assert secret not in ended.out + ended.err
    assert "X-Amz-Signature" not in ended.out + ended.err
    assert ended.code == 1
    assert "the secret key does not fit the access key" in ended.out


async def test_an_issuer_that_answers() -> None:
    """Its keys can be had."""
    examination = Examination(lambda _: None)
    async with issuing() as issuer:
        given = {"AUTH_MODE": "jwt", "JWT_ISSUER": issuer.url, "JWT_AUDIENCE": "images", "AWS_ENDPOINT": NOWHERE}
        await examine(examination, given, None)
    assert [one.state for one in examination.findings if one.what == "issuer"] == ["ok"]


async def test_a_service_that_is_none(endpoint: str) -> None:
    """What answers there is something else."""
    examination = Examination(lambda _: None)
    await examine(examination, {"AWS_ENDPOINT": NOWHERE}, endpoint)
    (service,) = [one for one in examination.findings if one.what == "service"]
    assert service.state == "wrong"
    assert "CLOUD_IMAGES_URL" in service.mend


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
                out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 2, err.decode()
    assert err.decode().startswith("cloud-images: broken off")
    assert "Traceback" not in out.decode() + err.decode()
    assert proxy.all["s3 DeleteObjects"] + proxy.all["s3 DeleteObject incoming"] == 1
