"""Limits that a decoder process sets on itself before it touches the first byte of an image."""

import ctypes
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38


def enter(memory: int) -> None:
    """Stay below `memory` bytes of address space, write no file and no core, gain no privilege, end with the parent."""
    # Ctrl-C reaches the whole group; the worker finishes what is under way, and then closes this process's stdin.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, memory)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def hide_from_children() -> None:
    """Let no process of the same user look into this one's memory and environment, where the credentials are."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def allow_cpu(seconds: float) -> None:
    """Let this process use so many more seconds of CPU; then the system kills it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (end, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def room() -> int:
    """Bytes of address space that this process may still take; very many if the system does not tell."""
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, IndexError):
        used = 0
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit - used


def _limit(what: int, most: int) -> None:
    # A system that does not know this limit (macOS and address space) refuses to set it; the others still hold.
    try:
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    except (ValueError, OSError):
        if sys.platform == "linux":
            raise
