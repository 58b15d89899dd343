"""Ctrl-C while there is nothing yet that could be brought to an end."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

INTERRUPTED = 130
"""The exit code, as shells have it."""


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Ctrl-C ends the process where it is, with a line and that code: while modules are loaded, or a question is asked.

    As an exception it would show where it came up, or be lost: the import system has callbacks that swallow it.
    """
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # it is to be ignored, as behind `nohup`, or ends the process anyway
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(*_: object) -> None:
    with suppress(OSError):  # stderr is closed
        os.write(2, b"cloud-images: interrupted.\n")
    os._exit(INTERRUPTED)
