"""A real local AWS (ministack, in a virtual environment of its own) for the tests."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
START_SECONDS = 120
OUR_PORTS = range(20_000, 32_768)
"""The system gives none of them to whoever lets it choose one, as each client does that connects."""


def free_port() -> int:
    """A port that nothing listens on, and that nobody gets by chance before it is used."""
    while True:
        port = secrets.choice(OUR_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def command() -> list[str]:
    """How to start it: `LOCAL_AWS`, what `make` installed, or one on the PATH."""
    candidates = (os.environ.get("LOCAL_AWS"), str(ROOT / ".ministack/bin/ministack"), shutil.which("ministack"))
    found = next((candidate for candidate in candidates if candidate and Path(candidate).exists()), None)
    if found is None:
        sys.exit("The tests need a local AWS: run `make setup` first, or name ministack's command with LOCAL_AWS.")
    return [found]


@contextmanager
def running(port: int, log: Path, services: str = "s3,sqs,dynamodb,sns", **variables: str) -> Iterator[str]:
    """Running on that port until the context is left; yields the endpoint. Keeps nothing.

    `variables` are more of its own environment variables.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "SERVICES": services,
        # It would listen on port 8883, on all addresses, whatever the services.
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "STATE_DIR": str(log.parent / "state"),
        **variables,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(command(), env=environment, stdout=output, stderr=output)
    try:
        endpoint = f"http://127.0.0.1:{port}"
        _wait(f"{endpoint}/_ministack/health", process, log)
        yield endpoint
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"The local AWS did not start: {log.read_text(errors='replace')[-2000:]}")
