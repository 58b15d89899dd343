"""One decoder process as the worker sees it: started, asked, listened to, ended. Nothing that it says is trusted."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from worker import cage
from worker.last_words import tellable
from worker.protocol import header_length, read_header

log = logging.getLogger(__name__)

START_SECONDS = 30
END_SECONDS = 1
KEPT_BLOCKS = 4
"""Blocks of 16 MB of pixels that a process keeps for its next picture. To give one of 12 megapixels back to the system
and take it from there again costs a sixth of the whole."""
SAID_BYTES = 4096
SAID_SECONDS = 0.05
"""No more than so many bytes in so many seconds are taken from a decoder's stderr; a flood has to wait in its pipe."""


class Child:
    """A running decoder process. `unfiltered` is empty, or says why its system calls are not filtered."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._stdin, self._stdout = process.stdin, process.stdout
        self._said = asyncio.create_task(_listen(process, process.stderr))
        self.unfiltered = ""

    @classmethod
    async def start(cls, memory: int, *, filtered: bool) -> "Child":
        """Start one with `memory` bytes of address space, and wait until it is in its cage.

        :raises OSError: it cannot be started.
        :raises ValueError: what was started is no decoder.
        :raises EOFError: it ended at once.
        :raises TimeoutError: it takes too long.
        """
        words = ["-m", "worker.decoder_child", str(memory), *([] if filtered else ["unfiltered"])]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment()
        )
        child = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                header, _ = await child.answer(0)
            child.unfiltered = str(header["unfiltered"])
        except BaseException as error:
            await child.end()
            if isinstance(error, KeyError):
                raise ValueError("not a decoder") from None
            raise
        return child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def is_at_rest(self) -> bool:
        """Whether it lives and has said nothing that it was not asked."""
        if self._process.returncode is not None or _has_ended(self.pid):
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await self._stdout.read(1)
                return False
        return True

    async def ask(self, request: bytes, cpu_seconds: float) -> None:
        """Send a request, for which it may use so much CPU."""
        cage.allow_cpu(self.pid, cpu_seconds)
        self._stdin.write(request)
        await self._stdin.drain()

    async def answer(self, most_bytes: int) -> tuple[dict[str, Any], list[bytes]]:
        """The next header and blobs, which together are no more than `most_bytes`.

        :raises ValueError: that is not what comes.
        :raises EOFError: it says nothing any more.
        """
        prefix = await self._stdout.readexactly(4)
        header = read_header(await self._stdout.readexactly(header_length(prefix)), most_bytes)
        return header, [await self._stdout.readexactly(length) for length in header["blobs"]]

    async def ended(self) -> int | None:
        """How it ended, if it does so by itself in a moment; negative: by which signal."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), END_SECONDS)
        return self._process.returncode

    async def end(self) -> None:
        """End it, and log what can be told of the last that it said."""
        with suppress(ProcessLookupError):
            self._process.kill()
        # Its pipes are emptied first: asyncio does not see the end of what it has ceased to read.
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                _, said = await asyncio.gather(self._stdout.read(), self._said)
                if said:
                    log.warning("decoder process %d said %s", self.pid, tellable(said))
        await self._process.wait()


def _has_ended(pid: int) -> bool:
    """Whether the system knows of a process's end, of which asyncio hears a moment later."""
    if sys.platform != "linux":
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


async def _listen(process: Process, stderr: asyncio.StreamReader) -> bytes:
    """The last that a process says until it ends."""
    last = b""
    while more := await stderr.read(SAID_BYTES):
        last = (last + more)[-SAID_BYTES:]
        if process.returncode is None:
            await asyncio.sleep(SAID_SECONDS)
    return last


def _environment() -> Mapping[str, str]:
    """No credentials and no home; only where Python finds its modules, and on Lambda its own library."""
    modules = os.pathsep.join(path or "." for path in sys.path)
    environment = {"PYTHONPATH": modules, "PILLOW_BLOCKS_MAX": str(KEPT_BLOCKS)}
    if libraries := os.environ.get("LD_LIBRARY_PATH"):
        environment["LD_LIBRARY_PATH"] = libraries
    return environment
