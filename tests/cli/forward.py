"""A forward proxy, as a company has one: absolute-form requests and CONNECT (RFC 9112, section 3.2)."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Forward:
    """The proxy. It knows hosts that nobody else knows: `names` says on which port of this machine each is.

    With `secret`, in base64, it wants to be told that. `asked` has the first line and the headers of each request.
    """

    names: Mapping[str, int]
    secret: str | None = None
    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The first lines, without the version."""
        return [line.rpartition(" ")[0] for line, _ in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, which carries one request or a tunnel."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = head.rstrip().split("\r\n")
            headers = {name.lower(): text.strip() for name, _, text in (one.partition(":") for one in rest)}
            self.asked.append((line, headers))
            method, target, version = line.split(" ")
            if self.secret and headers.get("proxy-authorization") != f"Basic {self.secret}":
                writer.write(b"HTTP/1.1 407 Who Are You\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            at = urlsplit(f"//{target}" if method == "CONNECT" else target)
            port = self.names.get(f"{at.hostname}:{at.port or 80}")
            if port is None:
                writer.write(b"HTTP/1.1 403 Not There\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            there, to = await asyncio.open_connection("127.0.0.1", port)
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Go On\r\n\r\n")
            else:
                path = at._replace(scheme="", netloc="").geturl()
                kept = [one for one in rest if not one.lower().startswith(("proxy-", "connection:"))]
                to.write("\r\n".join([f"{method} {path} {version}", *kept, "Connection: close", "", ""]).encode())
            await asyncio.gather(carry(reader, to), carry(there, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All bytes from one end to the other, which is closed behind them."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def secret_of(user: str, password: str) -> str:
    """As it goes over the wire."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


@asynccontextmanager
async def forward(names: Mapping[str, int], secret: str | None = None) -> AsyncIterator[Forward]:
    """Such a proxy on a free port; `names` as "host:port" → port."""
    made, tasks = Forward(names, secret), set[asyncio.Task[None]]()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(made.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
