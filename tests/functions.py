"""Handlers of Lambda functions, run as Lambda runs them: in a process of their own, one event at a time."""

import asyncio
import base64
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from service.settings import Settings
from tests.backstage import environment_of

LONGEST_LINE = 16 * 1024 * 1024
SERVICE, WORKER = "service.aws_lambda", "worker.aws_lambda"


class Function:
    """One container of a function."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.left = 0
        """Milliseconds that the last invocation had left when it answered: 0 when Lambda would have cut it off."""

    async def invoke(self, event: Any, seconds: float = 29) -> Any:
        """The handler's result.

        :raises RuntimeError: it raised.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"event": event, "seconds": seconds}).encode() + b"\n")
        await self.process.stdin.drain()
        answer = await self.line()
        self.left = answer["left"]
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    async def line(self) -> Any:
        """What the process says next."""
        assert self.process.stdout is not None
        return json.loads(await self.process.stdout.readline())


@asynccontextmanager
async def function(module: str, settings: Settings, **more: str) -> AsyncIterator[Function]:
    """A container of the function whose handler is in that module, with these settings and further variables."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.function_process",
        module,
        env=environment_of(settings) | more,
        stdin=PIPE,
        stdout=PIPE,
        limit=LONGEST_LINE,
    )
    made = Function(process)
    try:
        assert await made.line() == {"ready": True}
        yield made
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def body_of(answer: Any) -> bytes:
    """The bytes of an answer's body."""
    return base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
