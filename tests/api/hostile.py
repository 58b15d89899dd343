"""Clients that mean no good, many of them at once, and what they cost the service."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit


async def connections(url: str, count: int, said: bytes = b"", receive_bytes: int | None = None) -> list[socket.socket]:
    """So many connections, on each of which that has been said; `receive_bytes` is how much may wait unread in each."""
    loop, address, opened = asyncio.get_running_loop(), urlsplit(url), []
    for _ in range(count):
        one = socket.socket()
        one.setblocking(False)
        if receive_bytes is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        await loop.sock_connect(one, (address.hostname, address.port))
        opened.append(one)
        if said:
            await loop.sock_sendall(one, said)
    return opened


@asynccontextmanager
async def crowd(url: str, count: int, said: bytes = b"") -> AsyncIterator[list[socket.socket]]:
    """They leave with the context."""
    opened = await connections(url, count, said)
    try:
        yield opened
    finally:
        for one in opened:
            one.close()


def reset(one: socket.socket) -> None:
    """Be gone at once."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def held(port: int) -> int:
    """How many connections to that port of the loopback are open where they were accepted."""
    fields = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # Those without an inode are closed there, whatever the client does; 0A is the listener.
    return sum(one[1].endswith(f":{port:04X}") and one[9] != "0" and one[3] != "0A" for one in fields)


def open_files(pid: int) -> int:
    """How many descriptors a process has."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
