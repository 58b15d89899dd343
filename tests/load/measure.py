"""What processes cost, from Linux's /proc: CPU and memory of a process with all of its children."""

import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
PARENT, USER_TICKS, WAITED_SYSTEM_TICKS = 1, 11, 14
"""Fields of /proc/<pid>/stat, counted from behind the name."""


def tree(pid: int) -> list[int]:
    """The process and its living descendants."""
    parents: dict[int, int] = {}
    for path in PROC.glob("[0-9]*"):
        if fields := _stat(int(path.name)):
            parents[int(path.name)] = int(fields[PARENT])
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def _stat(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []


def cpu(pid: int) -> float:
    """Seconds of CPU that the tree has used so far, ended children that were waited for included."""
    ticks = 0
    for member in tree(pid):
        ticks += sum(map(int, _stat(member)[USER_TICKS : WAITED_SYSTEM_TICKS + 1]))
    return ticks / TICK


def resident(pid: int) -> int:
    """Bytes of memory that the tree has at this moment."""
    return _memory(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most bytes of memory that each process of the tree had since `reset_peak`, added up."""
    return _memory(pid, "VmHWM")


def reset_peak(pid: int) -> None:
    """Let `peak` count from now."""
    for member in tree(pid):
        (PROC / str(member) / "clear_refs").write_text("5")


def _memory(pid: int, field: str) -> int:
    total = 0
    for member in tree(pid):
        try:
            lines = (PROC / str(member) / "status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))
    return total


def idle() -> tuple[float, float]:
    """Seconds that the machine's cores have been idle, and seconds that there were, each core counted."""
    ticks = [int(field) for field in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    return ticks[3] / TICK, sum(ticks) / TICK


def percentile(values: Sequence[float], percent: float) -> float:
    """The least of the values that `percent` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]


def ratio_of_rounds(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over the rounds of ours ÷ theirs: what disturbs the machine in one round disturbs both."""
    return median(one / other for one, other in zip(ours, theirs, strict=True))
