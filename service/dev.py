"""`cloud-images dev`: service, worker and a local AWS as processes of one command, which ends them together."""

import asyncio
import ctypes
import errno
import os
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import aiohttp

from service.errors import ServiceError, SettingsError
from service.http.auth import make_authenticator
from service.http.server import refuse_blind_trust
from service.settings import Settings
from service.storage.provision import provision

LOCAL_AWS_PORT = 4566
LOCAL_AWS = f"http://127.0.0.1:{LOCAL_AWS_PORT}"
TAKEN = f"Another `make run`, or an AWS to use? End the one; of the other say AWS_ENDPOINT={LOCAL_AWS} and its keys."
START_SECONDS = 60.0
STOP_SECONDS = 40.0
RESTART_SECONDS = 1.0
PR_SET_PDEATHSIG = 1


async def run_all(settings: Settings, local_aws: Path | None, state: Path) -> None:
    """Run everything until Ctrl-C or SIGTERM.

    :param local_aws: the command of ministack, which is started unless the settings say where AWS is.
    :param state: folder in which it keeps what was stored.
    :raises SettingsError: a port is taken, there is no local AWS to start, or a part does not come up.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    refuse_blind_trust(settings)
    make_authenticator(settings)
    _refuse_taken(settings.host, settings.port, "the service", "Choose another with PORT=…")
    async with AsyncExitStack() as parts:  # which end in reverse order: the local AWS last
        if not (settings.endpoint_s3 or settings.endpoint_sqs or settings.endpoint_dynamodb):
            settings = await _local_aws(parts, settings, local_aws, state)
        else:
            await provision(settings)
        # A shorter long poll than on AWS: Ctrl-C waits for the one under way.
        os.environ.setdefault("POLL_SECONDS", "2")
        for part in ("worker", "serve"):
            await parts.enter_async_context(_kept_running(part, [sys.executable, "-m", "service.cli", part]))
        url = f"http://{settings.host}:{settings.port}"
        await _until_answers(f"{url}/healthz", stop)
        if not stop.is_set():
            example = _example(settings.auth_mode, url)
            _say(
                f"Ready on {url}, which has a page for your browser. Ctrl-C ends everything. "
                f"To upload a picture from here, paste:\n\n  {example}\n"
            )
        await stop.wait()
        _say("Stopping: finishing what is under way.")


async def _local_aws(parts: AsyncExitStack, settings: Settings, command: Path | None, state: Path) -> Settings:
    """Start the local AWS and provision it; returns the settings that lead there."""
    if command is None or not command.exists():
        raise SettingsError("There is no local AWS to start. Use `make run`, or say with AWS_ENDPOINT where AWS is.")
    _refuse_taken("127.0.0.1", LOCAL_AWS_PORT, "the local AWS", TAKEN)
    folder = state.resolve() / "aws"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["AWS_ENDPOINT"] = LOCAL_AWS
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, "test")
    os.environ.setdefault("AWS_DEFAULT_REGION", settings.region)
    settings = replace(settings, endpoint_s3=LOCAL_AWS, endpoint_sqs=LOCAL_AWS, endpoint_dynamodb=LOCAL_AWS)

    async def started() -> None:
        await _until_answers(f"{LOCAL_AWS}/_ministack/health")
        # Each time: after a crash, what was not saved is gone, and the next upload shall not meet a missing bucket.
        await provision(settings)

    _say(f"Starting a local AWS on port {LOCAL_AWS_PORT}; it keeps its data in {folder}.")
    environment = {
        "GATEWAY_PORT": str(LOCAL_AWS_PORT),
        "BIND_HOST": "127.0.0.1",
        "SERVICES": "s3,sqs,dynamodb,sns",
        "LOG_LEVEL": "WARNING",
        "IOT_MTLS_ENABLED": "0",  # else it listens on port 8883 too, on all addresses
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
    }
    await parts.enter_async_context(_kept_running("local AWS", [str(command)], environment, started))
    return settings


@asynccontextmanager
async def _kept_running(
    name: str,
    command: list[str],
    environment: dict[str, str] | None = None,
    started: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[None]:
    """A process that is started again when it ends by itself, and ended by SIGTERM with the context.

    `started` is awaited after each start; only after the first one do its errors reach the caller.
    """

    async def start() -> asyncio.subprocess.Process:
        # A session of its own: Ctrl-C reaches only this command, which then ends the parts in order.
        return await asyncio.create_subprocess_exec(
            *command, env=os.environ | (environment or {}), start_new_session=True, preexec_fn=_die_with_parent
        )

    process = await start()

    async def keep() -> None:
        nonlocal process
        while True:
            code = await process.wait()
            _say(f"{name} ended by itself (code {code}); starting it again.")
            await asyncio.sleep(RESTART_SECONDS)
            process = await start()
            try:
                if started:
                    await started()
            except (ServiceError, SettingsError) as error:
                _say(f"{name}: {error}")

    keeper: asyncio.Task[None] | None = None
    try:
        if started:
            await started()
        keeper = asyncio.create_task(keep())
        yield
    finally:
        if keeper:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def _die_with_parent() -> None:
    """Even a SIGKILL of this command leaves nothing behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def _until_answers(url: str, stop: asyncio.Event | None = None) -> None:
    """Wait until `url` answers 200, or until `stop`.

    :raises SettingsError: it does not for a long time.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as client:
        for _ in range(int(START_SECONDS / 0.1)):
            if stop is not None and stop.is_set():
                return
            with suppress(aiohttp.ClientError, TimeoutError):
                async with client.get(url) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)
    raise SettingsError(f"{url} does not answer after {START_SECONDS:g} seconds.")


def _refuse_taken(host: str, port: int, what: str, advice: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SettingsError(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from None
            raise SettingsError(f"Port {port}, which {what} needs, is taken. {advice}") from None


def _example(auth_mode: str, url: str) -> str:
    photo = Path("tests/photos/rocket.jpg")
    photo = photo if photo.exists() else Path("photo.jpg")
    user = {
        "header": "'X-User-Id: alice'",
        "api-key": '"Authorization: Bearer $KEY"',
        "jwt": '"Authorization: Bearer $TOKEN"',
    }[auth_mode]
    return (
        f"curl -sS -H {user} -H 'Content-Type: image/jpeg' -H 'Prefer: wait=10' "
        f"--data-binary @{shlex.quote(str(photo))} {url}/v1/images"
    )


def _say(text: str) -> None:
    print(text, flush=True)
