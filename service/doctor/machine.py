"""What this machine or container gives: a place for large uploads, open files, memory."""

import os
import resource
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from service.findings import Examination, State, Trouble, unchecked, warn, wrong
from service.http.crowd import EACH, RESERVE
from service.images import MAX_BYTES
from service.settings import Settings

MIB = 1024 * 1024
SPARE_UPLOADS = 100
"""So many of the largest should fit on the disk at once."""
IN_MEMORY = {"tmpfs", "ramfs"}
DECODER_BYTES = 60 * MIB
"""Of a decoder process that has nothing to do; each pixel that it decodes takes some bytes more."""
PIXEL_BYTES = 8
PROCESS_BYTES = 120 * MIB
LIMIT_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


async def check_machine(examination: Examination, settings: Settings) -> None:
    """Spool, open files and memory."""

    async def spool() -> str:
        return _spool(Path(settings.spool_dir or tempfile.gettempdir()), settings)

    async def files() -> str:
        return _files(settings)

    async def memory() -> str:
        return _memory(settings)

    await examination.check("spool", spool)
    await examination.check("open files", files)
    await examination.check("memory", memory)


def _spool(folder: Path, settings: Settings) -> str:
    mend = "set SPOOL_DIR to a folder on a disk that this user may write to"
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
            probe.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        wrong(f"{folder}: {error.strerror or error}", mend)
    if free < MAX_BYTES:
        wrong(f"{folder} is full: {free // 1024:,} KB are free", f"make room there, or {mend}")
    if _kind_of(folder) in IN_MEMORY:
        warn(
            f"{folder} is a {_kind_of(folder)}: uploads beyond SPOOL_MEMORY_BYTES take memory all the same",
            f"{mend}, or mount a disk there",
        )
    if free < SPARE_UPLOADS * MAX_BYTES:
        warn(f"{folder} has room for {free // MAX_BYTES} large uploads at once", f"make room there, or {mend}")
    return (
        f"{folder} can be written to, {free // MIB:,} MB are free; memory before it: {settings.spool_memory // MIB} MB"
    )


def _kind_of(folder: Path) -> str:
    """The kind of file system; empty where the system does not tell."""
    with suppress(OSError):
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        path = folder.resolve()
        over = [(len(mount[1]), mount[2]) for mount in mounts if path.is_relative_to(mount[1].replace("\\040", " "))]
        # Of two mounts at one place the later one is seen.
        return max(reversed(over), key=lambda one: one[0])[1] if over else ""
    return ""


def _files(settings: Settings) -> str:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    needed = EACH * settings.max_connections + RESERVE
    if hard != resource.RLIM_INFINITY and hard < needed:
        room = max(0, hard - RESERVE) // EACH
        warn(
            f"the limit of {hard} leaves room for {room} connections, not MAX_CONNECTIONS={settings.max_connections}",
            f"raise it (docker --ulimit nofile={needed}; systemd LimitNOFILE={needed}), or set MAX_CONNECTIONS={room}",
        )
    return f"{'no limit' if hard == resource.RLIM_INFINITY else hard}, {needed} are needed"


def _memory(settings: Settings) -> str:
    there = _bytes_there()
    if there is None:
        unchecked("this system does not tell how much memory there is")
    service = settings.processes * (PROCESS_BYTES + settings.spool_memory)
    picture = min(settings.max_pixels * PIXEL_BYTES, settings.decoder_memory)
    worker = PROCESS_BYTES + settings.worker_concurrency * MAX_BYTES + settings.decoders * (DECODER_BYTES + picture)
    seen = f"{there // MIB:,} MB; at most a service takes {service // MIB:,} MB, a worker {worker // MIB:,} MB"
    if service > there:
        raise Trouble(State.WARNING, seen, "give the service more memory, or lower PROCESSES or SPOOL_MEMORY_BYTES")
    if worker > there:
        fewer = max(1, int((there - PROCESS_BYTES) // (DECODER_BYTES + picture)))
        warn(seen, f"give the worker more memory, or set DECODERS={fewer} or a lower MAX_PIXELS")
    return seen


def _bytes_there() -> int | None:
    """Of this container, or of the machine."""
    limits: list[int] = []
    for name in LIMIT_FILES:
        with suppress(OSError, ValueError):
            limits.append(int(Path(name).read_text()))
    with suppress(OSError, ValueError, AttributeError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(limits, default=None)
