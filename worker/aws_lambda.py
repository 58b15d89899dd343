"""The worker as a Lambda function behind an SQS event source with `ReportBatchItemFailures`, and a schedule to sweep.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from service import logs, traces
from service.container import Container
from service.errors import ServiceError
from service.settings import Settings
from service.storage import Storage, open_storage
from service.storage.messages import Delivery, trace_of
from service.storage.objects import VARIANTS
from worker import cage
from worker.decoder import Decoders, open_decoders
from worker.deliveries import LONGEST_RETRY_SECONDS, Deliveries
from worker.sweep.turns import sweep_in_turn

log = logging.getLogger(__name__)

FINISH_SECONDS = 5.0
"""How long before its time is over an invocation begins to give back what it has not done."""
CUT_SECONDS = 3.0
"""How long before that it stops what does not end by itself."""
HIDE_SECONDS = 1.0
"""How long it then waits at most to tell the queue when messages come again, and once more for what is under way."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What the invocations of one container share."""

    settings: Settings
    storage: Storage
    decoders: Decoders

    async def take(self, records: list[dict[str, Any]], seconds: float) -> list[str]:
        """Process the messages of one event within that many seconds; the ids of those that shall come again."""
        stop = asyncio.Event()
        finish = asyncio.get_running_loop().call_later(max(0, seconds - FINISH_SECONDS), stop.set)
        # After an outage late: else five invocations of two minutes would make a dead letter.
        handling = Deliveries(self.settings, self.storage, self.decoders, stop, outage_seconds=LONGEST_RETRY_SECONDS)
        deliveries = [_delivery(record) for record in records]
        tasks = [asyncio.create_task(handling.handle(delivery)) for delivery in deliveries]
        _, late = await asyncio.wait(tasks, timeout=max(0, seconds - CUT_SECONDS))
        for task in late:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        finish.cancel()
        await self._hide(
            dict(zip(deliveries, outcomes, strict=True)), LONGEST_RETRY_SECONDS if handling.met_outage else 0
        )
        # What hangs must not take the answer with it, which says what is done.
        with suppress(TimeoutError):
            async with asyncio.timeout(HIDE_SECONDS):
                await self.storage.finish()
        await traces.flush()
        return [record["messageId"] for record, again in zip(records, outcomes, strict=True) if again is not None]

    async def sweep(self, seconds: float) -> dict[str, Any]:
        """Sweep within that many seconds, if it is time to; the report. What is not done then, the next one does."""
        stop = asyncio.Event()
        finish = asyncio.get_running_loop().call_later(max(0, seconds - FINISH_SECONDS), stop.set)
        try:
            async with asyncio.timeout(max(0, seconds - CUT_SECONDS)):
                report = await sweep_in_turn(self.settings, self.storage, stop)
            return report.as_json() if report else {}
        except (ServiceError, TimeoutError) as error:
            log.warning("sweep: broken off: %r", error)
            return {"broken_off": repr(error)}
        finally:
            finish.cancel()

    async def _hide(self, outcomes: dict[Delivery, int | BaseException | None], late_seconds: int) -> None:
        """Tell the queue when messages shall come again; of others it knows that by its visibility timeout."""
        later: dict[int, list[Delivery]] = {}
        for delivery, again in outcomes.items():
            if isinstance(again, asyncio.CancelledError):
                log.warning("a message comes again: the time of this invocation is over")
                again = late_seconds
            if isinstance(again, BaseException):
                log.warning("a message comes again: %r", again)
            if isinstance(again, int):
                later.setdefault(again, []).append(delivery)
        with suppress(ServiceError, TimeoutError):
            async with asyncio.timeout(HIDE_SECONDS):
                for seconds, group in later.items():
                    await self.storage.queue.hide(group, seconds)


def _delivery(record: dict[str, Any]) -> Delivery:
    trace = trace_of(record.get("messageAttributes"), "stringValue") if traces.are_on() else None
    count = int(record["attributes"]["ApproximateReceiveCount"])
    return Delivery(record["body"], record["receiptHandle"], count, trace=trace)


@asynccontextmanager
async def _open() -> AsyncIterator[Worker]:
    settings = Settings.from_env()
    logs.set_up(settings)
    cage.hide_from_children()
    async with (
        traces.exporting(settings, "cloud-images-worker"),
        open_storage(settings) as storage,
        open_decoders(settings, VARIANTS) as decoders,
    ):
        yield Worker(settings, storage, decoders)


_container = Container(_open)
# Before the first event comes: Lambda gives a container that starts more CPU than one that works.
_container.open()


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Processes an SQS event; `batchItemFailures` names the messages that come again.

    `{"sweep": true}`, which a schedule sends, lets it sweep, and is answered with the report. Anything else is no work
    for it: logged, and answered as a batch without failures.

    :raises Exception: some records of the event are not what SQS sends; all of its messages come again.
    """
    seconds = context.get_remaining_time_in_millis() / 1000
    if isinstance(event, dict) and event.get("sweep") is True:
        return _container.run(lambda worker: worker.sweep(seconds))
    records = event.get("Records") if isinstance(event, dict) else None
    if not isinstance(records, list) or not any(map(_is_of_sqs, records)):
        log.warning(
            "this event is not one of SQS but has %.200r", list(event) if isinstance(event, dict) else type(event)
        )
        return {"batchItemFailures": []}
    if not all(map(_is_of_sqs, records)):
        raise ValueError("some records of this event are not of SQS")
    again = _container.run(lambda worker: worker.take(records, seconds))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}


def _is_of_sqs(record: Any) -> bool:
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"
