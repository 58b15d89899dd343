"""What the handlers load: nothing that only the other one needs, as every cold start would pay for it."""

import json
import subprocess
import sys

import pytest

from tests.backstage import SECONDS
from tests.faults.between import NOTHING_THERE
from tests.functions import SERVICE, WORKER

NOBODY_S = {
    "PIL.Image",
    "prometheus_client",
    "typer",
    "click",
    "rich",
    "hypothesis",
    "pytest",
    "jwt",
    "cryptography",
    "opentelemetry",
}
UNWANTED = {
    SERVICE: {*NOBODY_S, "PIL", "worker", "thash", "service.cli", "service.dev", "service.storage.provision"},
    WORKER: {
        *NOBODY_S,
        *("PIL", "thash", "multipart", "aiohttp.web", "aiohttp.web_app", "service.http", "service.gateway"),
        *("service.aws_lambda", "service.cli", "service.dev", "service.storage.provision", "worker.decoder_child"),
    },
}
WANTED = {SERVICE: {"multipart", "aiohttp.web", "service.http.app"}, WORKER: {"worker.processing", "worker.decoder"}}
ASK = "import importlib, json, sys; importlib.import_module(sys.argv[1]); print(json.dumps(sorted(sys.modules)))"


@pytest.mark.parametrize("module", [SERVICE, WORKER])
def test_a_handler_loads_what_it_needs_only(module: str) -> None:
    """Without a word to AWS, which is nowhere here."""
    environment = {
        "AWS_ENDPOINT": NOTHING_THERE,
        "DECODERS": "1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK, module],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    loaded = set(json.loads(done.stdout))
    assert loaded >= WANTED[module]
    assert loaded & UNWANTED[module] == set()
