"""Batches that do not come to their end, and the same command again: every file is one image then."""

import asyncio
import gc
import json
import os
import select
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from service.cli.aside import aside
from service.cli.bars import Bars
from service.cli.batch import Batch, Wanted
from service.client import Client, Retries, Unreachable, content_of
from service.remote.content import Content
from service.settings import Settings
from tests.api.processes import Ended, environment, started
from tests.backstage import SECONDS, until
from tests.cli.conftest import BARE, Person
from tests.cli.link import link_to
from tests.cli.odd import odd, says
from tests.cli.terminal import on_terminal
from tests.cli.test_retries import IMAGE, USAGE
from tests.local_aws import free_port
from tests.pictures import png

FILES = 12


@pytest.fixture
def batch(person: Person) -> list[Path]:
    """So many files, all different."""
    return [person.put(f"{n:02}.png", png().data + bytes(n)) for n in range(FILES)]


async def each_once(person: Person) -> None:
    """Check that all files are there, each once."""
    found = Counter(image.filename for image in await person.images())
    assert found == {f"{n:02}.png": 1 for n in range(FILES)}


async def interrupted(person: Person, how: signal.Signals, after: int) -> Ended:
    """A batch on a slow link that gets a signal when so many files are through."""
    async with (
        link_to(person.url, 600_000) as link,
        started({**person.environment, "CLOUD_IMAGES_URL": link.url}, "upload", "-r", str(person.folder)) as process,
    ):
        assert process.stdout
        out = b"".join([await asyncio.wait_for(process.stdout.readline(), SECONDS) for _ in range(after)])
        process.send_signal(how)
        rest, err = await asyncio.wait_for(process.communicate(), SECONDS)
    return Ended(process.returncode or 0, (out + rest).decode(), err.decode())


@pytest.mark.usefixtures("batch")
async def test_ctrl_c(person: Person) -> None:
    """130, a summary of what is there, and how to go on; then the same command does the rest."""
    ended = await interrupted(person, signal.SIGINT, after=3)
    assert (ended.code, ended.err) == (130, "")
    assert "Traceback" not in ended.out
    summary, hint = ended.out.splitlines()[-2:]
    assert summary.startswith(f"{FILES} files: ")
    assert "not sent" in summary
    assert "run the same command again" in hint
    before = len(await person.images())
    assert 3 <= before < FILES
    again = await person.run("upload", "-r", ".", "--wait", "--json")
    assert again.code == 0
    assert json.loads(again.out.splitlines()[-1])["summary"]["files"] == FILES
    await each_once(person)


@pytest.mark.parametrize("module", ["typer", "aiohttp"])
@pytest.mark.parametrize("ignored", [False, True], ids=["", "ignored"])
async def test_ctrl_c_while_modules_are_loaded(module: str, ignored: bool, tmp_path: Path) -> None:
    """As soon as the first line of ours runs; unless it is to be ignored, as behind `nohup`."""
    (tmp_path / f"{module}.py").write_text(
        "import os, signal, sys\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        f"sys.path.remove({str(tmp_path)!r})\n"
        "del sys.modules[__name__]\n"
        f"import {module}\n"
    )
    async with odd(USAGE) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service.cli", "usage"),
            env={
                **{"PATH": os.environ["PATH"], **BARE, "CLOUD_IMAGES_URL": server.url},
                "PYTHONPATH": f"{tmp_path}{os.pathsep}{BARE['PYTHONPATH']}",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if ignored else None,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
    if ignored:
        assert (process.returncode, err) == (0, b"")
    else:
        assert (process.returncode, out, err) == (130, b"", b"cloud-images: interrupted.\n")


@pytest.mark.usefixtures("batch")
async def test_killed(person: Person) -> None:
    """Nothing is needed of the process that was there before."""
    ended = await interrupted(person, signal.SIGKILL, after=2)
    assert ended.code == -signal.SIGKILL
    assert (await person.run("upload", "-r", str(person.folder), "--wait")).code == 0
    await each_once(person)


@pytest.mark.usefixtures("batch")
async def test_ctrl_c_on_a_terminal(person: Person) -> None:
    """The bars go, the cursor comes back."""
    async with (
        link_to(person.url, 300_000) as link,
        on_terminal({**person.environment, "CLOUD_IMAGES_URL": link.url}, "upload", "-r", ".", cwd=person.folder) as it,
    ):
        await it.shows("queued")
        it.types("\x03")
        assert await it.ends() == 130
    assert it.text.count("\x1b[?25h") == it.text.count("\x1b[?25l") == 1
    assert "not sent" in it.text
    assert "Traceback" not in it.text


@pytest.mark.usefixtures("batch", "url")
async def test_a_service_that_is_killed_and_comes_back(person: Person, settings: Settings) -> None:
    """The batch goes on as if nothing had been."""
    port = str(free_port())
    served = {**environment(settings, PORT=port), "PYTHONPATH": person.environment["PYTHONPATH"]}
    async with link_to(f"http://127.0.0.1:{port}", 100_000) as link:
        async with started(served, "serve") as first:
            await answers(port)
            uploading = asyncio.create_task(person.run("upload", "-r", ".", "--url", link.url, "--json"))

            async def begun() -> bool:
                return len(await person.images()) >= 2

            await until(begun)
            assert not uploading.done()
            first.kill()
            await first.wait()
        link.rate = 10_000_000
        async with started(served, "serve"):
            ended = await uploading
    assert ended.code == 0, ended
    await each_once(person)


async def answers(port: str) -> None:
    """Wait until something listens there."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", int(port))
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


@pytest.mark.usefixtures("batch")
async def test_a_service_that_goes_for_good(person: Person) -> None:
    """It is told once, and what was not sent is not tried one by one."""
    async with link_to(person.url, 600_000) as link, Client(link.url, user=person.name) as client:
        batch = Batch(client, Wanted(), Bars(0), lambda outcome: None)
        await batch.look(1)
    async with Client(link.url, user=person.name, retries=Retries(tries=2, pause=0.05)) as client:
        batch = Batch(client, Wanted(), Bars(0), lambda outcome: None)
        files = sorted(person.folder.iterdir())
        await batch.run(files, content_of, 2)
        batch.unsent(files)
    assert isinstance(batch.stopped, Unreachable)
    assert [one.kind for one in batch.outcomes] == ["unsent"] * FILES


async def test_ctrl_c_at_an_endless_stdin(person: Person) -> None:
    """It is not waited for."""
    end, begin = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "service.cli", "upload", "-"),
            env={"PATH": os.environ["PATH"], **person.environment},
            stdin=end,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

        async def taken() -> bool:
            return not select.select([end], [], [], 0)[0]

        # It waits for more when this byte is gone.
        os.write(begin, b"x")
        await until(taken)
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        os.close(end)
        os.close(begin)
    assert (process.returncode, err) == (130, b"")
    assert b"1 not sent" in out


async def test_what_is_done_aside() -> None:
    """A loop that ends does not wait for it: a disk may be looked through, or stdin be read, without end."""
    begun, ended = threading.Event(), threading.Event()

    def endless() -> bool:
        begun.set()
        return ended.wait(60)

    async def interrupted() -> None:
        task = asyncio.create_task(aside(endless))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        await task

    try:
        with pytest.raises(asyncio.CancelledError):
            await asyncio.to_thread(asyncio.run, interrupted())
        assert not ended.is_set()
    finally:
        ended.set()
    assert await aside(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 // 0)


async def test_bytes_are_not_held_while_a_worker_is_busy(tmp_path: Path) -> None:
    """Thousands of files may wait for it, or for one of them that is alike."""
    different = [tmp_path / f"{n}.png" for n in range(20)]
    for n, path in enumerate(different):
        path.write_bytes(png().data + bytes(n))
    alike = [tmp_path / f"alike{n}.png" for n in range(20)]
    for path in alike:
        path.write_bytes(different[0].read_bytes())
    page = says(200, {"images": [], "next_cursor": None, "direct_upload_from": None})
    async with odd(page, says(202, {**IMAGE, "status": "queued"})) as server, Client(server.url, user="a") as client:
        batch = Batch(client, Wanted(wait=True), Bars(0), lambda outcome: None)
        await batch.look(1)
        handed = 0

        async def hand(path: Path) -> Content:
            nonlocal handed
            handed += 1
            return await content_of(path)

        task = asyncio.create_task(batch.run([*different, *alike], hand, 2))

        async def all_sent() -> bool:
            sent = sum(asked.method == "POST" for asked in server.asked)
            return sent == len(different) and len(batch._first) == len(different) and handed == 40

        await until(all_sent)
        held = [one for one in gc.get_objects() if isinstance(one, Content)]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(held) <= 2
