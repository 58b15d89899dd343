"""Starts `cloud-images` quickly: it has loaded everything, and forks for each command that it reads.

`python -m tests.chaos.zygote` reads commands from its stdin and tells on its stdout what happens, in lines of JSON. The
processes are real ones, each with its own environment; what is spared is the second that Python takes for its imports.
"""

import asyncio
import ctypes
import gc
import json
import os
import random
import select
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

import uvloop  # noqa: F401 - like what follows, loaded once for all

from service import cli
from service.http import processes, server  # noqa: F401
from service.settings import Settings
from service.storage import aws
from tests.chaos.seams import Plan, Seams
from worker import run  # noqa: F401

PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Fork until stdin ends; in a forked process this returns after its command."""
    # What a dead process leaves behind becomes a child of this one, which sees it.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    asyncio.run(_warm_up())
    gc.freeze()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "who forks must have no threads"
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    commands = sys.stdin.buffer
    while True:
        ready, _, _ = select.select([commands, woken], [], [])
        if woken in ready:
            os.read(woken, 512)
            _reap()
        if commands in ready:
            command = _read(commands)
            if command is None:
                return
            pid = os.fork()
            if pid == 0:
                _become(command)
                cli.main()
                return
            _tell("started", pid)


async def _warm_up() -> None:
    """Let botocore read what it reads for its first clients."""
    async with aws.clients(Settings(endpoint_s3="http://127.0.0.1:1"), "sqs", "dynamodb", "s3"):
        pass


def _read(commands: BinaryIO) -> dict[str, Any] | None:
    # Past Python's buffer, which `select` does not see into. The next command comes only after this one was answered.
    line = b""
    while not line.endswith(b"\n"):
        if not (more := os.read(commands.fileno(), 65_536)):
            return None
        line += more
    command: dict[str, Any] = json.loads(line)
    return command


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _tell("ended", pid, os.waitstatus_to_exitcode(status))


def _tell(*what: object) -> None:
    # One write, so that the lines of several processes do not mix.
    os.write(1, json.dumps(what).encode() + b"\n")


def _become(command: dict[str, Any]) -> None:
    """Be a process that has just been started with these words, environment and log."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.argv = ["cloud-images", *command["words"]]
    told = os.dup(1)
    log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(here, there)
    os.close(log)
    os.close(nothing)
    if command["plan"] is None:
        os.close(told)
        return
    known, spared, last, seed = command["plan"]
    random.seed(seed)

    def tell(what: str, point: str, image_id: str) -> None:
        os.write(told, json.dumps([what, os.getpid(), command["words"][0], point, image_id]).encode() + b"\n")

    Seams(Plan(frozenset(known), spared, last), tell).put_in()


if __name__ == "__main__":
    main()
