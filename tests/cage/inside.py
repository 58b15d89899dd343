"""What a decoder would do that an image has got into its power: tries everything below, and prints what came of it.

`python -m tests.cage.inside CAGE FOLDER PORT VICTIM`: CAGE is `filtered` or `unfiltered` for a cage with or without a
filter of system calls, or `none`. The answer is JSON: attack → "done", or the name of the error that stopped it.
"""

import ctypes
import errno
import importlib
import json
import mmap
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from worker import cage

MEMORY = 2 << 30
NOBODY = 65534
LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH, PR_SET_DUMPABLE, CLONE_NEWNET = 16, 17, 4, 0x40000000
RAW = {
    # name: number on x86_64, number on aarch64, arguments
    "io_uring_setup": (425, 425, 8, 0),
    "bpf": (321, 280, 0, 0, 0),
    "perf_event_open": (298, 241, 0, 0, -1, -1, 0),
    "userfaultfd": (323, 282, 0),
    "keyctl": (250, 219, 0, 0),
    "unshare": (272, 97, CLONE_NEWNET),
    "setns": (308, 268, 0, 0),
    "mount": (165, 40, 0, 0, 0, 0, 0),
    "chroot": (161, 51, 0),
    "open_by_handle_at": (304, 265, 0, 0, 0),
    "clone3": (435, 435, 0, 0),
    "setuid": (105, 146, 0),
    "seccomp": (317, 277, 0, 0, 0),
    "shmget": (29, 194, 0, 4096, 0o1600),
    "tgkill": (234, 131, 1, 1, 0),
    "process_vm_writev": (311, 271, 1, 0, 0, 0, 0, 0),
    "pidfd_open": (434, 434, 1, 0),
    "rt_sigprocmask": (14, 135, 0, 0, 0, 8),
}
"""Calls that many systems refuse anyway, or that make no sense as they are here: they must be refused as such."""


def attacks(folder: Path, port: int, victim: int) -> dict[str, Callable[[], object]]:
    """Every attack; outside of a cage each does what it says."""
    file, page = folder / "file", ctypes.sizeof(ctypes.c_void_p) * 512
    return {
        "connect": lambda: socket.socket().connect(("127.0.0.1", port)),
        "listen": lambda: socket.create_server(("127.0.0.1", 0)).close(),
        "datagram": lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"secret", ("127.0.0.1", port)),
        "unix_socket": lambda: socket.socketpair(),
        "read_file": lambda: file.read_bytes(),
        "read_parent_environment": lambda: Path(f"/proc/{victim}/environ").read_bytes(),
        "read_own_environment": lambda: Path("/proc/self/environ").read_bytes(),
        "read_parent_memory": lambda: Path(f"/proc/{victim}/mem").open("rb").close(),
        "list_folder": lambda: list(folder.iterdir()),
        "ask_for_file": lambda: file.stat(),
        "write_file": lambda: file.write_text("changed"),
        "create_file": lambda: (folder / "new").write_text("new"),
        "create_here": lambda: Path("new-file-of-an-attack").touch(),
        "create_unnamed": lambda: os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR)),
        "create_folder": lambda: (folder / "below").mkdir(),
        "remove_folder": lambda: (folder / "empty").rmdir(),
        "truncate": lambda: os.truncate(file, 1),
        "rename": lambda: (folder / "renamed").rename(folder / "other"),
        "remove": lambda: (folder / "removed").unlink(),
        "link": lambda: os.link(file, folder / "link"),
        "symlink": lambda: (folder / "symlink").symlink_to(file),
        "fifo": lambda: os.mkfifo(folder / "fifo"),
        "chmod": lambda: file.chmod(0o600),
        "chown": lambda: os.chown(file, os.getuid(), os.getgid()),
        "times": lambda: os.utime(file),
        "leave": lambda: os.chdir(folder),
        "memory_file": lambda: os.close(os.memfd_create("attack")),
        "pipe": lambda: os.pipe(),
        "second_descriptor": lambda: os.close(os.dup(0)),
        "fork": lambda: os.fork() or os._exit(0),
        "thread": lambda: threading.Thread(target=int).start(),
        "execute": lambda: _in_a_fork(lambda: os.execv(sys.executable, [sys.executable, "-c", "pass"])),
        "kill": lambda: os.kill(victim, 0),
        "ask_for_limits": lambda: resource.prlimit(victim, resource.RLIMIT_NOFILE),
        "raise_memory": lambda: resource.setrlimit(resource.RLIMIT_AS, resource.getrlimit(resource.RLIMIT_AS)),
        "raise_cpu": lambda: resource.setrlimit(resource.RLIMIT_CPU, resource.getrlimit(resource.RLIMIT_CPU)),
        "outlive_cpu": lambda: signal.signal(signal.SIGXCPU, signal.SIG_IGN),
        "outlive_parent": lambda: _check(LIBC.prctl(1, 0, 0, 0, 0)),
        "hide": lambda: _check(LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)),
        "run_new_code": lambda: mmap.mmap(-1, page, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
        "run_changed_code": lambda: _check(LIBC.mprotect(_page(page), page, mmap.PROT_READ | mmap.PROT_EXEC)),
    }


def _in_a_fork(act: Callable[[], object]) -> None:
    """As `act` does not come back when it succeeds; where nothing can be forked, here and at once."""
    try:
        pid = os.fork()
    except OSError:
        act()
        return
    if not pid:
        act()
    os.waitpid(pid, 0)


def _page(size: int) -> ctypes.c_void_p:
    LIBC.mmap.restype = ctypes.c_void_p
    private_anonymous = 0x22
    return ctypes.c_void_p(LIBC.mmap(None, ctypes.c_size_t(size), mmap.PROT_READ, private_anonymous, -1, 0))


def _ptrace(victim: int) -> None:
    _check(LIBC.ptrace(PTRACE_ATTACH, victim, 0, 0))
    os.waitpid(victim, 0)
    LIBC.ptrace(PTRACE_DETACH, victim, 0, 0)


def _raw(machine: str, x86_64: int, aarch64: int, *arguments: int) -> None:
    _check(LIBC.syscall(x86_64 if machine == "x86_64" else aarch64, *map(ctypes.c_long, arguments)))


def _check(answer: int) -> None:
    if answer == -1:
        raise OSError(ctypes.get_errno(), "")


def outcome(act: Callable[[], object]) -> str:
    """ "done", or the name of the error."""
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, repr(error))
    except RuntimeError as error:  # what Python makes of a thread that it cannot start
        return str(error)
    return "done"


def main() -> None:
    """Enter the cage, try everything, print the outcomes."""
    # All that a decoder has loaded; not at the top, because it bars modules that tests of this process may need.
    importlib.import_module("worker.decoder_child")
    kind, folder, machine = sys.argv[1], Path(sys.argv[2]), os.uname().machine
    every = attacks(folder, int(sys.argv[3]), int(sys.argv[4]))
    if kind == "filtered":
        every["ptrace"] = lambda: _ptrace(int(sys.argv[4]))
        every |= {name: lambda call=call: _raw(machine, *call) for name, call in RAW.items()}  # type: ignore[misc]
    if kind == "unfiltered":
        del every["execute"]  # which no limit forbids
        if not os.getuid():
            os.setuid(NOBODY)  # root is above some limits
    if kind != "none":
        caged = cage.enter(MEMORY, filtered=kind == "filtered")
        assert not caged.unfiltered, caged.unfiltered
    print(json.dumps({name: outcome(act) for name, act in every.items()}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
