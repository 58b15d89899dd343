"""Serves the application on a TCP port until told to stop."""

import asyncio
import contextlib
import errno
import gc
import ipaddress
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

from aiohttp import web

from service import traces
from service.errors import SettingsError
from service.http.app import make_app
from service.http.connection import Connection
from service.http.crowd import Crowd, room
from service.http.ending import close_gently, finish
from service.http.keys import CLOSING
from service.http.listeners import BACKLOG, bound_unsent
from service.settings import Settings

log = logging.getLogger(__name__)

CUT_SECONDS = 1.0
"""How long a request may take to notice that its time after SIGTERM is over; aiohttp waits for it twice."""


Listen = Callable[[Callable[[], Connection]], Awaitable[list[asyncio.Server]]]
"""Begins to listen somewhere, given what makes the protocol of a connection."""


@contextlib.asynccontextmanager
async def listening(
    settings: Settings, listen: Listen, *parts: Callable[[web.Application], None]
) -> AsyncIterator[tuple[web.Application, list[asyncio.Server]]]:
    """The application, listening where `listen` wants. Leaving the context finishes the requests under way.

    :param parts: add to the application what only some ways to run it have.
    """
    # As many as there can be: shares are counted of these.
    settings = replace(settings, max_connections=room(settings.max_connections))
    async with traces.exporting(settings, "cloud-images-service"):
        app = make_app(settings)
        for add in parts:
            add(app)
        runner = web.AppRunner(app, shutdown_timeout=CUT_SECONDS)
        await runner.setup()
        try:
            manager, loop = runner.server, asyncio.get_running_loop()
            assert manager is not None
            crowd = Crowd(settings.max_connections)

            def connection() -> Connection:
                return Connection(manager, settings, crowd, loop)

            servers = await listen(connection)
            try:
                yield app, servers
            finally:
                app[CLOSING].set()
                for server in servers:
                    await close_gently(server, connection)
                await finish(manager, settings.shutdown_seconds)
        finally:
            await runner.cleanup()


@contextlib.asynccontextmanager
async def serving(settings: Settings, sockets: Sequence[socket.socket] = ()) -> AsyncIterator[str]:
    """The service on a TCP port; yields its base URL. Leaving the context finishes the requests under way.

    :param sockets: which listen already; else it opens its own on the address of the settings.
    :raises SettingsError: the address cannot be used, or must not be with this AUTH_MODE.
    """
    # Not at the top: Lambda has no use for it and would wait for it.
    from service.http.metrics import Metrics

    refuse_blind_trust(settings)

    async def listen(connection: Callable[[], Connection]) -> list[asyncio.Server]:
        loop = asyncio.get_running_loop()
        if sockets:
            return [await loop.create_server(connection, sock=one, backlog=BACKLOG) for one in sockets]
        try:
            return [await loop.create_server(connection, settings.host, settings.port, backlog=BACKLOG)]
        except OSError as error:
            raise SettingsError(why_not(error, settings)) from None

    async with listening(settings, listen, Metrics().watch) as (_, servers):
        for server in servers:
            bound_unsent(server.sockets)
        yield base_url(servers[0].sockets[0])


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = _stop_at_signals()
    async with serving(settings) as url:
        _spare_the_collector()
        log.info("serving on %s", url)
        await stop.wait()
        log.info("stopping: finishing what is under way")


async def serve_part(
    settings: Settings, sockets: Sequence[socket.socket], lifeline: int, ready: Callable[[], object]
) -> None:
    """Serve on sockets that are shared with other processes, until SIGTERM, SIGINT, or the end of the supervisor.

    :param lifeline: the reading end of a pipe of which only the supervisor has the writing end.
    :param ready: is called when requests are answered.
    """
    stop, loop = _stop_at_signals(), asyncio.get_running_loop()

    def orphaned() -> None:
        loop.remove_reader(lifeline)
        log.error("the supervisor is gone: finishing what is under way")
        stop.set()

    loop.add_reader(lifeline, orphaned)
    async with serving(settings, sockets):
        _spare_the_collector()
        ready()
        await stop.wait()


def _spare_the_collector() -> None:
    """What is there by now (botocore's models above all) lives to the end, and need not be looked through each time."""
    gc.collect()
    gc.freeze()


def _stop_at_signals() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    return stop


def base_url(listener: socket.socket) -> str:
    """The URL at which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def refuse_blind_trust(settings: Settings) -> None:
    """Anyone who can reach the port can be anyone by a header, so it must not be reachable by mistake.

    :raises SettingsError: the address is a public one and nobody said that a gateway stands before it.
    """
    if settings.auth_mode != "header" or settings.trust_user_header or settings.host == "localhost":
        return
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(settings.host).is_loopback:
            return
    raise SettingsError(
        f"AUTH_MODE=header trusts X-User-Id, so HOST={settings.host or '*'} would let anyone be any user. "
        "Listen on 127.0.0.1, or say --trust-user-header (TRUST_USER_HEADER=1) when a gateway sets that header."
    )


def why_not(error: OSError, settings: Settings) -> str:
    """What to tell the user of an address that cannot be listened on."""
    if error.errno == errno.EADDRINUSE:
        return f"Port {settings.port} on {settings.host} is taken. Stop what runs there, or choose another with PORT."
    return f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}."
