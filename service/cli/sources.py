"""Where the bytes of what is uploaded come from: files, or stdin, which may never end."""

import errno
import os
import sys
from pathlib import Path

from service.cli.aside import aside
from service.cli.upload import STDIN
from service.client import content_of
from service.remote.content import Content, content_of_open


async def bytes_of(path: Path) -> Content:
    """What there is to send.

    :raises OSError: it cannot be read.
    :raises Refused: stdin has more bytes than any image.
    """
    return await (aside(_of_stdin) if str(path) == STDIN else content_of(path))


def _of_stdin() -> Content:
    if sys.stdin is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # the shell has closed it
    # Without the buffer of `sys.stdin`, whose lock the interpreter wants when it ends.
    with os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0) as file:
        return content_of_open(file)
