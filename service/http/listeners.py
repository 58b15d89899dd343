"""The sockets on which several processes listen on one port.

On Linux each process has a queue of its own (SO_REUSEPORT), over which the kernel spreads the connections by a hash of
both addresses. On one socket that all share, whoever wakes up first takes all that have come by then.
"""

import errno
import socket
import sys
from collections.abc import Iterable

SPREAD = sys.platform == "linux"
"""Elsewhere SO_REUSEPORT gives all connections to one of the sockets, so there the processes share one."""
BACKLOG = 1024
UNSENT_BYTES = 128 * 1024
"""Of an answer, most that the system takes of it before it can send it; else a client that reads slowly, or not at
all, has megabytes waiting there, and looks for minutes as if it took nothing."""


def listeners(host: str, port: int, count: int) -> list[list[socket.socket]]:
    """For each of `count` processes, one socket for each address that `host` stands for; all on the same port.

    Connections wait in a socket's queue as long as anyone has it open, so a process that dies takes none of them along.

    :param port: 0 for any free one.
    :raises OSError: somebody else listens there, or the address is not one of this machine.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened: list[list[socket.socket]] = [[] for _ in range(count)]
    try:
        for family, _, _, _, (name, _, *more) in dict.fromkeys(found):
            # Alone first: else two services could share a port, each with half of the other's connections.
            try:
                first = _bound(family, (name, port, *more), spread=False)
            except OSError as error:
                if error.errno != errno.EAFNOSUPPORT:
                    raise
                continue  # localhost can stand for an address of a kind that this system has switched off
            opened[0].append(first)
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, SPREAD)
            first.listen(BACKLOG)
            port = first.getsockname()[1]
            for others in opened[1:]:
                others.append(_bound(family, (name, port, *more), spread=True) if SPREAD else first.dup())
                others[-1].listen(BACKLOG)
    except OSError:
        close(*opened)
        raise
    if not opened[0]:
        raise OSError(errno.EADDRNOTAVAIL, "no address to listen on")
    return opened


def bound_unsent(sockets: Iterable[socket.socket]) -> None:
    """Let these sockets, and the connections that they accept, have no more than that."""
    option: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    for one in sockets:
        if option is not None:
            one.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)


def close(*groups: list[socket.socket]) -> None:
    """Close the sockets in this process."""
    for sockets in groups:
        for one in sockets:
            one.close()


def _bound(family: int, address: tuple[str | int, ...], *, spread: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if spread:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setblocking(False)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made
