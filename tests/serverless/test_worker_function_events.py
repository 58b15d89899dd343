"""Events that are no work for the worker's function, and those of which a part makes no sense."""

import json
from typing import Any

import pytest

from tests.direct import event
from tests.driver import Client
from tests.functions import Function
from tests.serverless.event_source import EventSource, status_of, upload

S3_EVENT = json.loads(event("direct/alice/x"))
NO_WORK: list[Any] = [
    *({}, None, [], "", "text", 5, True, {"Records": None}, {"Records": "x"}, {"Records": {}}, {"records": []}),
    *({"Records": []}, S3_EVENT, {"Records": [None]}, {"Records": ["x", 5]}, {"Records": [{}]}),
    {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
]


async def test_events_that_are_no_work(worker: Function) -> None:
    """Other events of AWS, and those that somebody sends by hand to see what happens."""
    for strange in NO_WORK:
        assert await worker.invoke(strange) == {"batchItemFailures": []}, strange


MALFORMED: dict[str, Any] = {
    **{f"no_{name}": {name: None} for name in ("receiptHandle", "body", "attributes", "eventSource")},
    "no_count": {"attributes": {}},
    "odd_count": {"attributes": {"ApproximateReceiveCount": "many"}},
    "other_source": {"eventSource": "aws:s3"},
}


@pytest.mark.parametrize("name", [*MALFORMED, "null", "text"])
async def test_a_malformed_record_loses_nothing(
    name: str, client: Client, source: EventSource, worker: Function
) -> None:
    """The invocation fails, and so all messages of its event come again; the one after it works."""
    path = await upload(client)
    (record,) = await source.wait_for(1)
    changed = {key: value for key, value in (record | MALFORMED.get(name, {})).items() if value is not None}
    other: Any = {"null": None, "text": "x"}.get(name, changed)
    for records in ([record, other], [other, record]):
        with pytest.raises(RuntimeError):
            await worker.invoke({"Records": records})
    assert await source.deliver(worker, [record]) == []
    assert await status_of(client, path) == "ready"
