"""`cloud-images serve --processes N`: one port, one set of figures, one clean end, and processes that die."""

import asyncio
import os
import signal
import socket
from functools import partial
from pathlib import Path

import pytest

from service.settings import Settings
from service.storage.provision import provision
from tests.api.processes import SECONDS, environment, run, started
from tests.api.supervised import HEALTH, Supervised, children, supervised, upload
from tests.backstage import backstage_of, ended, until
from tests.conftest import settings_at
from tests.pictures import jpeg

ACCEPTED = ("cloud_images_uploads_total", "", "accepted")
UNDER_WAY = ("cloud_images_requests_under_way",)
CONNECTIONS = 40
"""So many do not all reach the same one of two processes, but once in 10¹¹ times."""


def refused(code: str) -> tuple[str, ...]:
    """The sample that counts refusals for that reason."""
    return ("cloud_images_uploads_total", code, "refused")


async def test_all_processes_answer_and_their_figures_add_up(settings: Settings, tmp_path: Path) -> None:
    """Whichever is asked; also after one has died and another has taken its place."""
    async with supervised(settings, tmp_path, processes=2) as service:
        first = service.children
        assert len(first) == 2
        answered = await asyncio.gather(*(service.ask_whom(upload()) for _ in range(CONNECTIONS)))
        assert {answer.status for answer, _ in answered} == {202}
        assert {pid for _, pid in answered} == first
        text = await asyncio.gather(*(service.ask(upload(b"GIF89a", "text/plain")) for _ in range(CONNECTIONS)))
        empty = await asyncio.gather(*(service.ask(upload(b"")) for _ in range(3)))
        assert {answer.status for answer in (*text, *empty)} == {400}
        await figures(service, accepted=CONNECTIONS, text=CONNECTIONS, empty=3)

        (dead, *_) = first
        os.kill(dead, signal.SIGKILL)
        await ended(dead)
        # Those that come meanwhile wait for the next process there.
        answered = await asyncio.gather(*(service.ask_whom(upload()) for _ in range(CONNECTIONS)))
        assert {answer.status for answer, _ in answered} == {202}
        assert {pid for _, pid in answered} == service.children
        assert service.children > first - {dead}
        assert len(service.children) == 2
        assert service.said(rf"process {dead} ended by itself \(code -9\)")
        await figures(service, accepted=2 * CONNECTIONS, text=CONNECTIONS, empty=3)
        assert len(service.said("serving on")) == 1


async def figures(service: Supervised, *, accepted: int, text: int, empty: int) -> None:
    """All processes show these figures, again and again."""
    for _ in range(10):
        shown = await service.metrics()
        assert shown[ACCEPTED] == accepted
        assert shown[refused("unsupported_media_type")] == text
        assert shown[refused("empty_body")] == empty
        assert shown["cloud_images_accepted_bytes_total",] == accepted * len(jpeg().data)
        assert shown["cloud_images_accept_seconds_count",] == accepted
        assert sum(value for (name, *_), value in shown.items() if name == ACCEPTED[0]) == accepted + text + empty
        assert shown[UNDER_WAY] == 0


async def test_what_a_dead_process_had_under_way_is_not_under_way_any_more(settings: Settings, tmp_path: Path) -> None:
    """Until then it is, whichever process is asked."""
    async with supervised(settings, tmp_path) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(upload()[:1000])

        async def under_way() -> bool:
            return (await service.metrics())[UNDER_WAY] == 1

        async def nothing_under_way() -> bool:
            return (await service.metrics())[UNDER_WAY] == 0

        await until(under_way)
        owner = service.owner(writer.get_extra_info("sockname")[1])
        os.kill(owner, signal.SIGKILL)
        assert await reader.read() == b""
        writer.close()
        await until(nothing_under_way)


async def test_sigterm_under_load(endpoint: str, tmp_path: Path) -> None:
    """All that was acknowledged is in S3 and in the queue, and nothing else is."""
    settings = settings_at(endpoint)
    await provision(settings)
    enough, acknowledged = asyncio.Event(), 0
    async with backstage_of(settings) as backstage, supervised(settings, tmp_path) as service:
        # Not ours: that S3 tells the queue of itself.
        before = await backstage.messages()

        async def client() -> None:
            nonlocal acknowledged
            while True:
                try:
                    answer = await service.ask(upload())
                except (ConnectionRefusedError, ConnectionResetError):
                    # Reset is what the kernel does with a connection made between the last look and the close.
                    return
                assert answer.status == 202, answer
                acknowledged += 1
                if acknowledged == 30:
                    enough.set()

        async with asyncio.TaskGroup() as clients:
            for _ in range(8):
                clients.create_task(client())
            await enough.wait()
            service.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(service.process.wait(), SECONDS) == 0
        assert list(service.folder.iterdir()) == []
        assert await backstage.messages() - before == acknowledged
        assert len(await backstage.keys_of("alice")) == acknowledged


async def test_a_killed_supervisor_leaves_no_process(settings: Settings, tmp_path: Path) -> None:
    """The processes finish what they have under way, and are gone."""
    async with supervised(settings, tmp_path) as service:
        pids = service.children
        whole = upload()
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(whole[:1000])

        async def under_way() -> bool:
            return (await service.metrics())[UNDER_WAY] == 1

        await until(under_way)
        service.process.kill()
        await until(partial(refusing, service))
        writer.write(whole[1000:])
        assert (await reader.read()).startswith(b"HTTP/1.1 202 ")
        writer.close()
        await ended(*pids)
        left = set(service.folder.iterdir())
    (tmp_path / "next").mkdir()
    async with supervised(settings, tmp_path / "next", TMPDIR=str(service.folder)):
        assert left
        assert not left & set(service.folder.iterdir()), "the next one removes what a killed one could not"


async def refusing(service: Supervised) -> bool:
    """Whether nobody listens on the port any more."""
    try:
        await service.ask()
    except ConnectionRefusedError:
        return True
    except (ConnectionError, asyncio.IncompleteReadError):
        return False
    return False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_service_ends_at_once(settings: Settings, tmp_path: Path, how: signal.Signals) -> None:
    """With 0, and nothing is left of it."""
    async with supervised(settings, tmp_path, processes=3) as service:
        pids = service.children
        service.process.send_signal(how)
        assert await asyncio.wait_for(service.process.wait(), 20) == 0
        await ended(*pids)
        assert list(service.folder.iterdir()) == []
        assert service.log.read_text().count("\n") == 2, "serving, and stopping"


async def test_a_service_that_is_still_starting_ends_too(settings: Settings) -> None:
    """With 0, and it never says that it serves."""
    async with started(environment(settings, PORT="0"), "serve", "--processes", "3") as process:

        async def forked() -> set[int]:
            return children(process.pid)

        pids = await until(forked)
        process.send_signal(signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), SECONDS)
        assert (process.returncode, said.count(b"serving on")) == (0, 0), said.decode()
        await ended(*pids)


async def test_a_process_that_does_not_end_in_time_is_killed(settings: Settings, tmp_path: Path) -> None:
    """And the command says so."""
    async with supervised(settings, tmp_path, SHUTDOWN_SECONDS="0") as service:
        (stuck, *_) = service.children
        os.kill(stuck, signal.SIGSTOP)
        service.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(service.process.wait(), SECONDS) == 1
        await ended(stuck)
        assert service.said(f"process {stuck} did not end in time")


async def test_a_process_that_dies_again_and_again_is_replaced_after_longer_and_longer_pauses(
    settings: Settings, tmp_path: Path
) -> None:
    """The other one answers meanwhile."""
    async with supervised(settings, tmp_path) as service:
        (steady, dying) = sorted(service.children)
        for wanted in (0.25, 0.5, 1):
            os.kill(dying, signal.SIGKILL)
            said = rf"process {dying} ended by itself \(code -9\); another one starts in ([\d.]+) s"
            (pause,) = await until(partial(found, service, said))
            assert float(pause) == wanted
            (dying,) = await until(partial(newcomers, service, steady))
        assert steady in service.children
        assert len(list(service.folder.glob("*/*.db"))) == 6, "those who come anew count in the files of the dead"


async def found(service: Supervised, pattern: str) -> list[str]:
    """What the log says by now."""
    return service.said(pattern)


async def newcomers(service: Supervised, steady: int) -> set[int]:
    """The processes but for that one."""
    return service.children - {steady}


async def test_a_port_that_is_taken(settings: Settings, tmp_path: Path) -> None:
    """By another program, or by a service that shares it among its own processes."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        variables = environment(settings, PORT=str(other.getsockname()[1]))
        assert "taken" in (await run(variables, "serve", "--processes", "2")).complaint
    async with supervised(settings, tmp_path) as service:
        for processes in ("1", "2"):
            ending = await run(environment(settings, PORT=str(service.port), PROCESSES=processes), "serve")
            assert f"Port {service.port}" in ending.complaint
            assert len(ending.err.splitlines()) == 1


async def test_what_keeps_a_process_from_starting_ends_the_command(settings: Settings) -> None:
    """It is said once, and is not tried again."""
    ending = await run(environment(settings, AWS_PROFILE="nowhere", PORT="0"), "serve", "--processes", "3")
    assert ending.code == 2
    assert ending.err.count("cloud-images: The config profile (nowhere) could not be found") == 1
    assert "before it could serve" in ending.err
    assert "serving on" not in ending.err


async def test_the_supervisor_can_be_forked(settings: Settings, tmp_path: Path) -> None:
    """What forks must have no threads: a lock that one of them holds stays locked in the child."""
    async with supervised(settings, tmp_path, processes=2) as service:
        assert len(list(Path(f"/proc/{service.process.pid}/task").iterdir())) == 1


async def test_one_process_has_no_supervisor(settings: Settings, tmp_path: Path) -> None:
    """And figures all the same."""
    async with supervised(settings, tmp_path, processes=1) as service:
        assert children(service.process.pid) == set()
        assert list(service.folder.iterdir()) == []


async def test_a_shared_name(settings: Settings, tmp_path: Path) -> None:
    """Every address of it is listened on, at the same port."""
    async with supervised(settings, tmp_path, HOST="localhost") as service:
        for family, _, _, _, address in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM):
            reader, writer = await asyncio.open_connection(str(address[0]), service.port, family=family)
            writer.write(HEALTH)
            assert b"200" in await reader.readline()
            writer.close()
