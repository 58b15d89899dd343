"""The cage of a decoder process, which it enters before it touches the first byte of an image."""

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from worker import syscalls

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38


@dataclass(frozen=True, slots=True)
class Cage:
    """What holds this process. `unfiltered` is empty, or says why the system does not filter its calls."""

    memory: int
    unfiltered: str
    statm: int | None

    def room(self) -> int:
        """Bytes of address space that this process may still take; very many if the system does not tell."""
        if self.statm is None:
            return sys.maxsize
        return self.memory - int(os.pread(self.statm, 100, 0).split()[0]) * resource.getpagesize()


def enter(memory: int, *, filtered: bool = True) -> Cage:
    """Stay below `memory` bytes of address space and what is open already, and end with the parent.

    From here on this process opens no file and no socket, starts no process, gains no privilege and leaves no core;
    with `filtered`, where the system can, nothing but decoding is left to it. All that it needs must be loaded.
    """
    # Ctrl-C reaches the whole group; the worker finishes what is under way, and then closes this process's stdin.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    statm = None
    with suppress(OSError):
        statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC):
        _limit(what, 0)
    _limit(resource.RLIMIT_AS, memory)
    memory = resource.getrlimit(resource.RLIMIT_AS)[0]
    # Where a system refuses these (AWS Lambda has been seen to), the limits still hold.
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    unfiltered = ""
    if filtered:
        try:
            syscalls.forbid()
        except OSError as error:
            unfiltered = str(error)
    return Cage(memory, unfiltered, statm if memory != resource.RLIM_INFINITY else None)


def hide_from_children() -> None:
    """Let no process of the same user look into this one's memory and environment, where the credentials are."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def allow_cpu(pid: int, seconds: float) -> None:
    """Let a caged process use so many more seconds of CPU; then the system kills it.

    From outside, as it could not be held to a limit of its own. Without effect where there is no `prlimit`.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        hard = resource.prlimit(pid, resource.RLIMIT_CPU)[1]
        resource.prlimit(pid, resource.RLIMIT_CPU, (int(used + seconds) + 1, hard))


def _limit(what: int, most: int) -> None:
    # A system that does not know this limit (macOS and address space) refuses to set it; the others still hold.
    try:
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    except (ValueError, OSError):
        if sys.platform == "linux":
            raise
