"""The cage from inside: a decoder that an image has got into its power can do nothing but decode."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.cage.inside import RAW, attacks

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the filter is one of Linux")

EVERY = tuple(attacks(Path(), 0, 0))
NEEDS_DESCRIPTOR = (
    *("connect", "listen", "datagram", "unix_socket", "read_file", "read_parent_environment", "read_own_environment"),
    *("read_parent_memory", "list_folder", "write_file", "create_file", "create_here", "create_unnamed", "memory_file"),
    "pipe",
)
NEEDS_PROCESS = ("fork", "thread")

Outcomes = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    """What came of every attack, by the kind of cage; each kind attacks a folder of its own once."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as victim,
    ):

        @cache
        def tried(kind: str) -> dict[str, str]:
            folder = tmp_path_factory.mktemp(kind)
            for name in ("file", "renamed", "removed"):
                (folder / name).write_text("credentials")
            (folder / "empty").mkdir()
            found = {path.name for path in folder.iterdir()}
            words = ["tests.cage.inside", kind, str(folder), str(listener.getsockname()[1]), str(victim.pid)]
            answer = subprocess.run(
                [sys.executable, "-m", *words],
                stdout=subprocess.PIPE,
                timeout=300,
                check=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
                cwd=tmp_path_factory.mktemp("here"),
            )
            if kind == "filtered":
                assert {path.name for path in folder.iterdir()} == found
                assert (folder / "file").read_text() == "credentials"
            return dict(json.loads(answer.stdout))

        yield tried
        victim.kill()


@pytest.mark.parametrize("attack", EVERY)
def test_nothing_but_decoding_is_left(outcomes: Outcomes, attack: str) -> None:
    """Files, sockets, processes, signals, limits, new code: what works outside is refused inside."""
    assert outcomes("none")[attack] == "done"
    assert outcomes("filtered")[attack] in ("EPERM", "can't start new thread")


@pytest.mark.parametrize("call", [*RAW, "ptrace"])
def test_rare_calls_are_refused(outcomes: Outcomes, call: str) -> None:
    """Ways around the usual ones; many of them work for root only, or not in a container."""
    assert outcomes("filtered")[call] == "EPERM"


@pytest.mark.parametrize("attack", NEEDS_DESCRIPTOR)
def test_without_a_filter_nothing_is_opened(outcomes: Outcomes, attack: str) -> None:
    """Where the system has none: what needs a descriptor fails, so network and files are out of reach."""
    assert outcomes("unfiltered")[attack] == "EMFILE"


@pytest.mark.parametrize("attack", NEEDS_PROCESS)
def test_without_a_filter_nothing_is_started(outcomes: Outcomes, attack: str) -> None:
    """Nor a process or a thread."""
    assert outcomes("unfiltered")[attack] in ("EAGAIN", "can't start new thread")


PARENT = """
import ctypes, os
from worker import cage

def environment_is_open():
    if (child := os.fork()) == 0:
        try:
            os._exit(len(open(f"/proc/{os.getppid()}/environ", "rb").read()) == 0)
        except PermissionError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0

if not os.getuid():
    os.setuid(65534)  # root sees everything
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # what changing the user took away
open_before = environment_is_open()
cage.hide_from_children()
print(open_before, environment_is_open())
"""


def test_the_parent_is_hidden() -> None:
    """Where there is no filter, the worker's own credentials are out of a decoder's reach all the same."""
    looked = subprocess.run(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        timeout=300,
        check=True,
        env={**os.environ, "SECRET": "x"},
    )
    assert looked.stdout == b"True False\n"


FOREIGN_NUMBERS = {
    "x32": "ctypes.CDLL(None).syscall(0x40000000 | 39)",
    "i386": "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()",
}
PROGRAM = """
import ctypes, mmap
from worker import cage
page = mmap.mmap(-1, 4096, prot=7)
page.write(bytes.fromhex("b814000000 cd80 c3"))  # mov eax, 20 (getpid); int 0x80; ret
call = lambda: {attack}
ctypes.CFUNCTYPE(ctypes.c_int), ctypes.CDLL(None)
assert not cage.enter(1 << 30).unfiltered
print("caged", flush=True)
call()
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="other numbers of calls are a matter of x86")
@pytest.mark.parametrize("numbers", FOREIGN_NUMBERS)
def test_other_numbers_of_calls_are_deadly(numbers: str) -> None:
    """With them an allowed number would mean another call."""
    program = PROGRAM.format(attack=FOREIGN_NUMBERS[numbers])
    ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=300, check=False)
    assert (ended.stdout, ended.returncode) == (b"caged\n", -signal.SIGSYS)
