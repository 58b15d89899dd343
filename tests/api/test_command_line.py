"""`cloud-images`: its help, its complaints, and how it ends."""

import asyncio
import json
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from service.images import Record
from service.settings import Settings
from service.storage import Storage
from tests.api.processes import SECONDS, Ended, environment, run, started
from tests.backstage import until
from tests.driver import Client
from tests.pictures import jpeg
from tests.sweeping import DATA, receipt_of

NOWHERE = "http://127.0.0.1:1"
SOON = 15.0
"""Seconds in which a service must notice that it has to end; less than it waits for anybody then, or `Prefer: wait`."""
QUIET = environment(AWS_ENDPOINT=NOWHERE, LOG_LEVEL="WARNING", PORT="0", COLUMNS="200")


async def test_help() -> None:
    """Every command says what it does, what it takes, and how it is called."""
    commands = {"serve": "--trust-user-header", "worker": "--burst", "provision": "--help", "dev": "--state"}
    commands |= {"sweep": "--dry-run", "redrive": "--limit"}
    overview, *shown = await asyncio.gather(
        run(QUIET, "--help"), *(run(QUIET, command, "--help") for command in commands)
    )
    assert overview.code == 0
    for one, (command, option) in zip(shown, commands.items(), strict=True):
        assert (one.code, one.err) == (0, "")
        assert re.search(rf"\b{command}\b", overview.out)
        assert option in one.out
        assert re.search(rf"Example: (cloud-images {command}|make run)", one.out), one.out


MISTAKES: list[tuple[str, dict[str, str], list[str]]] = [
    ("serve", {"PORT": "http"}, ["PORT", "http"]),
    ("serve", {"PORT": "70000"}, ["PORT", "70000", "65,535"]),
    ("serve", {"PROCESSES": "0"}, ["PROCESSES", "256"]),
    ("serve", {"AUTH_MODE": "trust-me"}, ["AUTH_MODE", "trust-me", "header"]),
    ("serve", {"LOG_LEVEL": "loud"}, ["LOG_LEVEL", "loud", "WARNING"]),
    ("worker", {"DECODERS": "0"}, ["DECODERS"]),
    ("provision", {"AWS_ENDPOINT": "localhost:4566"}, ["AWS_ENDPOINT", "localhost:4566"]),
    ("provision", {"AWS_ENDPOINT_URL_SQS": "4566"}, ["AWS_ENDPOINT_URL_SQS", "4566"]),
    ("worker", {"AWS_PROFILE": "nobody"}, ["AWS_PROFILE", "nobody"]),
    ("dev", {"AWS_ENDPOINT": "", "LOCAL_AWS": "/nowhere/ministack"}, ["AWS_ENDPOINT", "make run"]),
    ("serve --host 0.0.0.0", {}, ["0.0.0.0", "--trust-user-header", "X-User-Id"]),
    ("serve", {"HOST": "::"}, ["::", "--trust-user-header"]),
    ("serve --processes 2 --host 0.0.0.0", {}, ["0.0.0.0", "--trust-user-header"]),
    ("serve --host 192.0.2.7 --trust-user-header", {"PROCESSES": "2"}, ["192.0.2.7"]),
    ("dev", {"HOST": "0.0.0.0"}, ["0.0.0.0", "--trust-user-header"]),
    ("dev", {"HOST": "192.0.2.7", "TRUST_USER_HEADER": "1"}, ["192.0.2.7"]),
    ("serve --host 192.0.2.7 --trust-user-header", {}, ["192.0.2.7"]),
]


NAMES = [" ".join([words, *given.values()]) for words, given, _ in MISTAKES]


@pytest.fixture(scope="module")
async def endings() -> list[Ended | BaseException]:
    """How each of MISTAKES ends; a few at once, as each spends its time on starting Python."""
    few = asyncio.Semaphore(4)

    async def ending(words: str, given: dict[str, str]) -> Ended:
        async with few:
            return await run({**QUIET, **given}, *words.split())

    return await asyncio.gather(*(ending(words, given) for words, given, _ in MISTAKES), return_exceptions=True)


@pytest.mark.parametrize("at", range(len(MISTAKES)), ids=NAMES)
async def test_mistakes(endings: list[Ended | BaseException], at: int) -> None:
    """One line that names what to mend, and 2; before anything is begun."""
    ended, named = endings[at], MISTAKES[at][2]
    assert isinstance(ended, Ended), "it has not ended"
    assert all(text in ended.complaint for text in named), ended.complaint
    assert len(ended.err.splitlines()) == 1, ended.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("sevre", "sevre"),
        ("serve --prot 1", "--prot"),
        ("serve --port http", "--port"),
        ("serve --port 70000", "65535"),
        ("serve --processes 257", "256"),
    ],
)
async def test_words_that_it_does_not_know(words: str, named: str) -> None:
    """2, and no trace of Python."""
    ended = await run(QUIET, *words.split())
    assert ended.code == 2
    assert named in ended.err
    assert "Traceback" not in ended.err


async def test_an_aws_that_does_not_answer() -> None:
    """`provision` says which part of it, soon."""
    ended = await run(QUIET, "provision")
    assert "S3" in ended.complaint
    assert NOWHERE in ended.err


@pytest.mark.parametrize(("words", "part"), [("sweep", "S3"), ("sweep --json", "S3"), ("redrive", "SQS")])
async def test_repairs_without_aws(words: str, part: str) -> None:
    """2, and the report says what did not answer."""
    ended = await run(QUIET, *words.split())
    assert ended.code == 2
    assert f"{part} cannot take this request now." in ended.out
    assert NOWHERE in ended.out
    assert "Traceback" not in ended.err


async def test_sweep_and_redrive(settings: Settings, storage: Storage) -> None:
    """As an operator calls them: the report, and an exit code that a script can act on."""
    given = environment(settings, LOG_LEVEL="WARNING")
    receipt = receipt_of("bob")
    await storage.objects.put_staged(receipt, [DATA])
    await storage.dead_letters.send("no JSON")
    young, dry, swept, redriven = [
        await run(given, *words.split())
        for words in ("sweep", "sweep --older-than 0 --dry-run", "sweep --older-than 0 --json", "redrive")
    ]
    assert (young.code, young.err) == (0, "")
    assert "All is right." in young.out
    assert dry.code == 1
    assert "staged_without_record: 1 found, 0 repaired" in dry.out
    assert swept.code == 0
    assert json.loads(swept.out)["repaired"] == {"staged_without_record": 1}
    assert redriven.code == 1
    assert "0 dead letters are back in the queue." in redriven.out
    assert "left: 1 × the message is not one of ours" in redriven.out
    assert (await run(given, "worker", "--burst")).code == 0
    known = await storage.catalog.get("bob", receipt.image_id)
    assert isinstance(known, Record)
    assert known.status == "ready"
    assert (await run(given, "redrive", "--all")).code == 0


async def test_a_port_that_is_taken() -> None:
    """By name, and how to take another."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        both = run({**QUIET, "PORT": port}, "serve"), run(QUIET, "serve", "--port", port)
        for ended in await asyncio.gather(*both):
            assert f"Port {port}" in ended.complaint
            assert "taken" in ended.complaint
            assert "PORT" in ended.complaint


@asynccontextmanager
async def serving(settings: Settings, folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, Client]]:
    """A service in a process of its own, that answers."""
    log = folder / "log"
    async with (
        started(environment(settings, PORT="0"), "serve", output=log) as process,
        aiohttp.ClientSession() as session,
    ):

        async def url() -> str | None:
            assert process.returncode is None, log.read_text()
            found = re.search(r"serving on ([^\s\"]+)", log.read_text())
            return found and found[1]

        client = Client(session, await until(url), "alice")
        assert (await client.get("/healthz")).status == 200
        yield process, client


async def test_sigterm_during_an_upload(settings: Settings, storage: Storage, tmp_path: Path) -> None:
    """The upload still gets its answer, and so does who only waits; who comes later does not; then it ends with 0."""
    photo = jpeg().data
    async with serving(settings, tmp_path) as (process, client):
        queued = (await client.upload(photo)).headers["Location"]
        port = int(client.url.rpartition(":")[2])
        upload, put = await asyncio.open_connection("127.0.0.1", port)
        head = request("POST", "/v1/images", f"Content-Length: {len(photo)}", "Expect: 100-continue", "Prefer: wait=25")
        put.write(head)
        assert b" 100 Continue" in await upload.readuntil(b"\r\n\r\n"), "the upload is under way"
        put.write(photo[:50_000])
        await put.drain()
        patient, ask = await asyncio.open_connection("127.0.0.1", port)
        ask.write(request("GET", "/healthz"))
        await patient.readuntil(b"}")
        ask.write(request("GET", queued, "Prefer: wait=25"))
        # What is asked for later is answered: so the service has that request too, and holds it.
        assert (await client.get("/healthz")).status == 200

        process.send_signal(signal.SIGTERM)
        await refusing(port)
        answer = await asyncio.wait_for(patient.read(), SOON)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert b'"queued"' in answer
        assert process.returncode is None, "an upload is still under way"
        put.write(photo[50_000:])
        answer = await asyncio.wait_for(upload.read(), SOON)
        assert answer.startswith(b"HTTP/1.1 202 "), answer
        put.close()
        ask.close()
        assert await asyncio.wait_for(process.wait(), SOON) == 0
    image_id = re.search(rb"/v1/images/([0-9a-f-]{36})", answer)
    assert image_id
    receipt = await storage.objects.staged_receipt("alice", image_id[1].decode())
    assert receipt is not None
    assert await storage.objects.get_staged(receipt) == photo


async def test_sigterm_between_two_requests_of_a_connection(settings: Settings, tmp_path: Path) -> None:
    """The second may be on its way already: it is answered, and its answer ends the connection."""
    async with serving(settings, tmp_path) as (process, client):
        port = int(client.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("GET", "/healthz"))
        assert b"Connection: close" not in await reader.readuntil(b"}")
        process.send_signal(signal.SIGTERM)
        await refusing(port)
        writer.write(request("GET", "/healthz"))
        answer = await asyncio.wait_for(reader.read(), SOON)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert b"Connection: close" in answer
        writer.close()
        assert await asyncio.wait_for(process.wait(), SOON) == 0


def request(method: str, path: str, *headers: str) -> bytes:
    """The head of a request, as bytes."""
    fixed = ("Host: x", "X-User-Id: alice", "Content-Type: image/jpeg")
    return "\r\n".join((f"{method} {path} HTTP/1.1", *fixed, *headers, "", "")).encode()


async def refusing(port: int) -> None:
    """Wait until nobody listens on that port."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue
            writer.close()
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_service_ends_at_once(settings: Settings, how: signal.Signals, tmp_path: Path) -> None:
    """Connections that are kept alive hold nothing up."""
    async with serving(settings, tmp_path) as (process, client):
        async with asyncio.timeout(SOON):
            process.send_signal(how)
            assert await process.wait() == 0
        assert client.session.closed is False
