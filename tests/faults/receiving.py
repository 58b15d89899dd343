"""SQS's freedom with `ReceiveMessage`: any order, messages once more, also to another worker, also when deleted.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
"""

import json
import random
from typing import Any

from aiohttp import web

from tests.faults.exchange import Exchange

KEPT = 200
"""How many of the newest messages can come once more."""


class Receiving:
    """Answers `ReceiveMessage`. `again` is the chance with which a message comes once more with a later answer."""

    def __init__(self, chance: random.Random, again: float) -> None:
        self.repeated = 0
        self._chance = chance
        self._again = again
        self._due: list[dict[str, Any]] = []

    def stop(self) -> None:
        """From now on all is as SQS has it."""
        self._again = 0
        self._due.clear()

    async def __call__(self, exchange: Exchange) -> web.StreamResponse:
        asked = json.loads(await exchange.read())
        if self._due:
            # What is due comes at once, not at the end of a long poll.
            exchange.replace_body(json.dumps(asked | {"WaitTimeSeconds": 0}).encode())
        answer = await exchange.forward()
        if answer.status != 200:
            return answer
        messages = json.loads(exchange.content_of(answer)).get("Messages") or []
        room = max(0, int(asked.get("MaxNumberOfMessages", 1)) - len(messages))
        more, self._due = self._due[:room], self._due[room:]
        self.repeated += len(more)
        self._due += [message for message in messages if self._chance.random() < self._again][:KEPT]
        both = messages + more
        self._chance.shuffle(both)
        return web.json_response({"Messages": both}, content_type="application/x-amz-json-1.0")
