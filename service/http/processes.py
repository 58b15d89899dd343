"""`serve` in several processes: a supervisor that starts, replaces and ends them, and does nothing else.

They are forked, from a process that has neither threads nor an event loop but has loaded all modules: a replacement
answers soon, as connections wait for it meanwhile, and what was loaded is in memory once.
"""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from types import ModuleType
from typing import Any

from service import traces
from service.errors import SettingsError
from service.folders import own_folder
from service.http.auth import make_authenticator
from service.http.listeners import close, listeners
from service.http.server import base_url, refuse_blind_trust, serve_part, why_not
from service.settings import Settings

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)
WELL_ENDED = {0, *(-name for name in SIGNALS)}
"""Exit codes after a signal to end; a process that has only begun to start has no handler for it yet."""
STEADY_SECONDS = 10.0
"""A process that lived so long is replaced at once; others after a pause, which doubles."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 8.0
LATE_SECONDS = 3.0
"""Beside SHUTDOWN_SECONDS, until a process that has not ended is killed."""

Run = Callable[[Coroutine[Any, Any, None]], None]


def supervise(settings: Settings, run: Run) -> int:
    """Serve in `settings.processes` processes, in each of them by `run`, until SIGTERM or SIGINT; returns an exit code.

    :raises SettingsError: the address cannot be used, or must not be with this AUTH_MODE, which may lack its settings.
    """
    refuse_blind_trust(settings)
    make_authenticator(settings)
    traces.load(settings)
    try:
        sockets = listeners(settings.host, settings.port, settings.processes)
    except OSError as error:
        raise SettingsError(why_not(error, settings)) from None
    with own_folder("cloud-images-metrics-") as folder:
        # When it is imported, prometheus_client sees by this whether it counts for one process or for several.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        from service.http import metrics

        return _Supervisor(settings, run, sockets, metrics).keep()


@dataclass(eq=False)
class _Place:
    """Of one process: its sockets, when it began or the next one is due, and for how long its successors paused."""

    number: int
    sockets: list[socket.socket]
    process: ForkProcess | None = None
    since: float = 0.0
    pause: float = 0.0


class _Supervisor:
    def __init__(self, settings: Settings, run: Run, sockets: list[list[socket.socket]], metrics: ModuleType) -> None:
        self._settings = settings
        self._run, self._metrics = run, metrics
        self._places = [_Place(number, group) for number, group in enumerate(sockets)]
        self._ready, self._stopping = 0, False
        self._woken, self._waker = os.pipe()
        self._told, self._teller = os.pipe()
        # Nothing is ever written to it; it ends with this process, however that ends.
        self._lifeline, self._alive = os.pipe()

    def keep(self) -> int:
        os.set_blocking(self._waker, False)
        signal.set_wakeup_fd(self._waker)
        for name in SIGNALS:
            signal.signal(name, self._stop)
        try:
            # One first: what keeps them from starting is said once.
            for places in (self._places[:1], self._places[1:]):
                if (failed := self._begin(places)) is not None:
                    log.error("a process ended before it could serve (code %d)", failed)
                    return max(failed, 1)
            if not self._stopping:
                log.info("serving on %s in %d processes", base_url(self._places[0].sockets[0]), len(self._places))
            while not self._stopping:
                for place in self._places:
                    self._look_after(place)
                self._wait()
            log.info("stopping: finishing what is under way")
        finally:
            ended_well = self._end()
        return 0 if ended_well else 1

    def _begin(self, places: list[_Place]) -> int | None:
        """Start processes there and wait until they serve; returns the exit code if one does not come to it."""
        wanted = self._ready + len(places)
        for place in places if not self._stopping else ():
            self._start(place)
        while self._ready < wanted and not self._stopping:
            self._wait()
            for place in self._places:
                if place.process and place.process.exitcode is not None:
                    return place.process.exitcode
        return None

    def _start(self, place: _Place) -> None:
        # In a process that has just been forked, this one's handlers would take a signal and do nothing.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        process = ForkProcess(target=self._serve, args=(place,), daemon=True)
        process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        place.process, place.since = process, time.monotonic()

    def _serve(self, place: _Place) -> None:
        signal.set_wakeup_fd(-1)
        for name in SIGNALS:
            signal.signal(name, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        os.close(self._alive)
        close(*(other.sockets for other in self._places if other is not place))
        self._metrics.count_as(place.number)
        self._run(serve_part(self._settings, place.sockets, self._lifeline, lambda: os.write(self._teller, b".")))

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _wait(self) -> None:
        """Until a signal comes, a process serves or ends, or one is due."""
        due = [place.since - time.monotonic() for place in self._places if place.process is None and place.since]
        living = [place.process.sentinel for place in self._places if place.process]
        awake = wait([self._woken, self._told, *living], max(0, min(due)) if due else None)
        if self._woken in awake:
            os.read(self._woken, 512)
        if self._told in awake:
            self._ready += len(os.read(self._told, 512))

    def _look_after(self, place: _Place) -> None:
        now, process = time.monotonic(), place.process
        if process and process.exitcode is not None:
            steady = now - place.since > STEADY_SECONDS
            place.pause = 0 if steady else min(max(FIRST_PAUSE_SECONDS, 2 * place.pause), LONGEST_PAUSE_SECONDS)
            place.process, place.since = None, now + place.pause
            said = "process %s ended by itself (code %s); another one starts in %g s"
            log.error(said, process.pid, process.exitcode, place.pause)
            self._metrics.forget(place.number)
        if place.process is None and now >= place.since:
            self._start(place)

    def _end(self) -> bool:
        """Let all finish what is under way; false if one of them did not end well, or not in time."""
        # First, so that the port refuses connections as soon as its processes do.
        close(*(place.sockets for place in self._places))
        processes = [place.process for place in self._places if place.process]
        end = time.monotonic() + self._settings.shutdown_seconds + LATE_SECONDS
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(max(0, end - time.monotonic()))
            if process.exitcode is None:
                log.error("process %s did not end in time and is killed", process.pid)
                process.kill()
                process.join()
        return all(process.exitcode in WELL_ENDED for process in processes)
