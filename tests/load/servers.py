"""What the benchmarks run against, each a process of its own on a free port of the loopback."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from service.settings import Settings
from service.storage.provision import provision
from tests import local_aws
from tests.api.processes import environment
from tests.load import measure
from tests.load.outcome import NotMeasurable

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers"
START_SECONDS, STOP_SECONDS = 60, 40
LOG_CHARACTERS = 500


@dataclass(frozen=True)
class Server:
    """One that answers on `port`; `pid` is the root of its process tree."""

    pid: int
    port: int

    def get(self, path: str) -> str:
        """The body of an answer, whatever its status."""
        return _get(self.port, path)


@contextmanager
def local_storage(folder: Path) -> Iterator[Settings]:
    """A local AWS that keeps nothing, with all that `provision` makes; yields the settings that lead there."""
    (folder / "aws").mkdir(exist_ok=True)
    with local_aws.running(local_aws.free_port(), folder / "aws" / "log") as endpoint:
        settings = Settings(endpoint_s3=endpoint, endpoint_sqs=endpoint, endpoint_dynamodb=endpoint)
        asyncio.run(provision(settings))
        yield settings


def emptied(settings: Settings) -> None:
    """Let the local AWS forget all that was stored: it keeps everything in memory."""
    request = urllib.request.Request(f"{settings.endpoint_s3}/_ministack/reset", method="POST")
    with urllib.request.urlopen(request, timeout=START_SECONDS):
        pass
    asyncio.run(provision(settings))


@contextmanager
def service(settings: Settings, *words: str, **variables: str) -> Iterator[Server]:
    """`cloud-images serve` as users start it."""
    port = local_aws.free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), *words]
    with _running(command, environment(settings, **variables)) as process:
        yield _answering(process, port, "/healthz")


@contextmanager
def worker(settings: Settings, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`cloud-images worker`."""
    with _running([sys.executable, "-m", "service.cli", "worker", *words], environment(settings)) as process:
        yield process


@contextmanager
def floor(settings: Settings) -> Iterator[Server]:
    """The least that puts a body into S3: nothing is checked, nothing is queued."""
    port = local_aws.free_port()
    command = [sys.executable, str(PEERS / "floor.py"), str(settings.endpoint_s3), settings.bucket, str(port)]
    with _running(command, environment()) as process:
        yield _answering(process, port, "/")


@contextmanager
def multer(settings: Settings) -> Iterator[Server]:
    """Express with multer and multer-s3.

    :raises NotMeasurable: there is no node or npm, or npm cannot install it.
    """
    node = _multer_installed()
    port = local_aws.free_port()
    command = [node, str(PEERS / "multer.js"), str(settings.endpoint_s3), settings.bucket, str(port)]
    with _running(command, {"PATH": os.environ["PATH"]}) as process:
        yield _answering(process, port, "/")


def _multer_installed() -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise NotMeasurable("needs node and npm")
    installed, lock = PEERS / "node_modules/.package-lock.json", PEERS / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=PEERS, capture_output=True, text=True
        )
        if done.returncode:
            raise NotMeasurable(f"npm cannot install multer: {done.stderr.strip()[-200:]}")
        installed.touch()
    return node


@contextmanager
def _running(command: Sequence[str], variables: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """The process, ended with its children when the context is left; what it logs is part of what goes wrong."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=subprocess.DEVNULL, stderr=log)
        try:
            yield process
        except NotMeasurable as error:
            log.seek(0)
            error.add_note(log.read().decode(errors="replace").strip()[-LOG_CHARACTERS:])
            raise
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process, and what it leaves behind."""
    family = measure.tree(process.pid)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for orphan in family[1:]:
        with suppress(ProcessLookupError):
            os.kill(orphan, 9)


def _answering(process: "subprocess.Popen[bytes]", port: int, path: str) -> Server:
    limit = monotonic() + START_SECONDS
    while process.poll() is None and monotonic() < limit:
        try:
            _get(port, path)
            return Server(process.pid, port)
        except OSError:
            sleep(0.05)
    raise NotMeasurable("a server does not start")


def _get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()
