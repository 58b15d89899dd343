"""A command on a terminal: what stands on its screen, and keys for it."""

import asyncio
import codecs
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.backstage import SECONDS


class Terminal:
    """A running command; `text` is all that it has written, with the codes that steer the terminal."""

    def __init__(self, process: asyncio.subprocess.Process, end: int) -> None:
        self.process = process
        self.text = ""
        self._end = end
        # What is read may end in the middle of a character.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(end, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._end, 65_536)
        except OSError:  # nobody is at the other end any more
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._end)
        self.text += self._decoder.decode(data)
        self._more.set()

    async def shows(self, text: str) -> None:
        """Wait until it has written that."""
        async with asyncio.timeout(SECONDS):
            while text not in self.text:
                if self.process.returncode is not None:
                    self._read_rest()
                    assert text in self.text, self.text
                    return
                self._more.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._more.wait(), 0.2)

    def types(self, keys: str) -> None:
        """Press keys; \\x03 is Ctrl-C."""
        os.write(self._end, keys.encode())

    async def ends(self) -> int:
        """Wait for its end; the exit code."""
        code = await asyncio.wait_for(self.process.wait(), SECONDS)
        await asyncio.sleep(0)
        self._read_rest()
        return code

    def _read_rest(self) -> None:
        os.set_blocking(self._end, False)
        with suppress(OSError):
            while data := os.read(self._end, 65_536):
                self.text += self._decoder.decode(data)


@asynccontextmanager
async def on_terminal(
    environment: Mapping[str, str], *words: str, cwd: Path, columns: int = 100
) -> AsyncIterator[Terminal]:
    """`cloud-images` with these words on a terminal of its own."""
    end, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    named = {name: text for name, text in environment.items() if name != "COLUMNS"}

    def take_terminal() -> None:
        # So that Ctrl-C reaches it, as it does in a shell.
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", *words),
        env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", **named},
        cwd=cwd,
        stdin=other,
        stdout=other,
        stderr=other,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(other)
    terminal = Terminal(process, end)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
        asyncio.get_running_loop().remove_reader(end)
        os.close(end)
