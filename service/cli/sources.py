"""Where the bytes of what is uploaded come from: files, or stdin, which may never end."""

import asyncio
import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

from service.cli.upload import STDIN
from service.client import ImagesError, content_of
from service.remote.content import Content, content_of_open


async def bytes_of(path: Path) -> Content:
    """What there is to send.

    :raises OSError: it cannot be read.
    :raises Refused: stdin has more bytes than any image.
    """
    return await (_of_stdin() if str(path) == STDIN else content_of(path))


async def _of_stdin() -> Content:
    """The same of stdin.

    Read by a thread of its own: those of the loop are waited for at the end, so Ctrl-C would wait for stdin's.
    """
    if sys.stdin is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # the shell has closed it
    number = sys.stdin.fileno()
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Content] = loop.create_future()

    def end(content: Content | None, error: Exception | None) -> None:
        if found.done():
            return
        if error:
            found.set_exception(error)
        elif content:
            found.set_result(content)

    def read() -> None:
        content, error = None, None
        try:
            # Without the buffer of `sys.stdin`, whose lock the interpreter wants when it ends.
            with os.fdopen(os.dup(number), "rb", buffering=0) as file:
                content = content_of_open(file)
        except (OSError, ImagesError) as problem:
            error = problem
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(end, content, error)

    Thread(target=read, daemon=True).start()
    return await found
