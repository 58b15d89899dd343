"""Fixtures: one local AWS a session; bucket, table, queues and a service a module; a user of its own a test."""

import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from service.settings import Settings
from service.storage import Storage, aws, open_storage
from service.storage.objects import VARIANTS
from service.storage.provision import provision
from tests import local_aws
from tests.driver import Client, client_of
from worker.decoder import Decoders, open_decoders

LONGEST_FIRST = (
    "tests/chaos/test_kills.py",
    "tests/serverless/test_deployed",
    "tests/chaos/test_kills_of_several",
    "tests/faults/test_each_call",
    "tests/chaos/",
    "tests/browser/",
    "tests/api/test_command_line",
    "tests/pipeline/test_sweep_races",
    "tests/serverless/test_worker_function",
    "tests/cage/",
    "tests/browser/",
    "tests/unit/test_supply",
    "tests/traces/",
    "tests/api/test_any_request",
    "tests/api/test_crowds",
    "tests/api/test_processes",
    "tests/api/test_dev",
    "tests/pipeline/test_usage",
    "tests/pipeline/test_quota",
    "tests/pipeline/test_shutdown",
    "tests/faults/",
    "tests/monitoring/",
    "tests/api/test_event",
    "tests/pipeline/test_topic",
    "tests/pipeline/test_figures",
    "tests/cli/",
)
"""Files that take long, by the beginning of their path; else the last of them keeps one process busy alone."""


def pytest_configure() -> None:
    """Let what the tests start hear Ctrl-C: what a script starts in the background ignores it, and hands that on."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the files that take longest come first; the order within a file stays."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    return next((at for at, begin in enumerate(LONGEST_FIRST) if item.nodeid.startswith(begin)), len(LONGEST_FIRST))


@pytest.fixture(scope="session", autouse=True)
def scrubbed_environment() -> Iterator[None]:
    """No test sees the developer's AWS and proxies, nor settings that happen to be in the shell."""
    ours = {name for one in Settings.__dataclass_fields__.values() for name in one.metadata["env"]}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_") or name.lower().endswith("_proxy") or name in ours:
                patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """A call to AWS may take long on a busy machine; a test that waits until one is given up sets its own limit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws, "CALL_SECONDS", 60)
        yield


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory, scrubbed_environment: None) -> Iterator[str]:
    """Where the local AWS of this session is."""
    with local_aws.running(local_aws.free_port(), tmp_path_factory.mktemp("aws") / "log") as url:
        yield url


def settings_at(endpoint: str, **more: object) -> Settings:
    """Settings with names in AWS that nobody else uses."""
    name = uuid.uuid4().hex[:12]
    named = {"bucket": f"images-{name}", "table": f"images-{name}", "queue": name, "dead_letter_queue": f"{name}-dlq"}
    at = {f"endpoint_{service}": endpoint for service in ("s3", "sqs", "dynamodb", "sns")}
    quick = {"port": 0, "retry_seconds": 0, "poll_seconds": 1, "decoders": 2, "shutdown_seconds": 10.0}
    return Settings(**{**named, **at, **quick, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
async def settings(endpoint: str) -> Settings:
    """Settings of this module, provisioned."""
    made = settings_at(endpoint)
    await provision(made)
    return made


@pytest.fixture(scope="module")
async def storage(settings: Settings) -> AsyncIterator[Storage]:
    """What this module's service keeps outside of itself."""
    async with open_storage(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def decoders(settings: Settings) -> AsyncIterator[Decoders]:
    """Decoder processes."""
    async with open_decoders(settings, VARIANTS) as opened:
        yield opened


@pytest.fixture(scope="module")
async def _module_client(settings: Settings) -> AsyncIterator[Client]:
    async with client_of(settings, "nobody") as made:
        yield made


@pytest.fixture
def client(_module_client: Client) -> Client:
    """A user whom no other test has, of this module's service."""
    return _module_client.as_user(f"user-{uuid.uuid4().hex[:12]}")
