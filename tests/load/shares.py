"""A share of a core for a process: Linux's control groups, where this user may make them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PERIOD = 100_000
VERSION_1, VERSION_2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


class NoGroups(Exception):
    """They cannot be made here."""


@contextmanager
def of_a_core(pids: Sequence[int], share: float) -> Iterator[None]:
    """Hold each of these processes to that share of one core while the context lasts.

    :raises NoGroups: this user, or this system, cannot do so; then nothing has changed.
    """
    root, limit, text = VERSION_1, "cpu.cfs_quota_us", f"{round(PERIOD * share)}"
    if not (root / limit).exists():
        root, limit, text = VERSION_2, "cpu.max", f"{round(PERIOD * share)} {PERIOD}"
    homes = {pid: _group_of(pid, root) for pid in pids}
    groups = {pid: root / f"images-bench-{os.getpid()}-{pid}" for pid in pids}
    try:
        for pid, group in groups.items():
            try:
                group.mkdir()
                (group / limit).write_text(text)
                (group / "cgroup.procs").write_text(str(pid))
            except OSError as error:
                raise NoGroups(str(error)) from None
        yield
    finally:
        for pid, group in groups.items():
            with suppress(OSError):
                (homes[pid] / "cgroup.procs").write_text(str(pid))
            with suppress(OSError):
                group.rmdir()


def _group_of(pid: int, root: Path) -> Path:
    """Where the process is now."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if (root == VERSION_2 and not controllers) or "cpu" in controllers.split(","):
            return root / path.lstrip("/")
    return root
