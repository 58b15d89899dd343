"""A message as SQS carries it: how it comes to a worker, and where it says what trace it belongs to."""

import time
from dataclasses import dataclass
from typing import Any

from service import traces

PARENT, STATE = "traceparent", "tracestate"
"""Attributes of a message: where in a trace it was sent (W3C Trace Context). Only workers that collect traces ask for
them, so others read the message as ever."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message.

    `count` is how often it has been delivered, this time included; `waited` how many seconds before it was sent;
    `trace` where in a trace its sender was, if traces are collected and it said so.
    """

    body: str
    handle: str
    count: int
    waited: float | None = None
    trace: traces.Context | None = None


def attributes(trace: traces.Context) -> dict[str, Any]:
    """What a message says of its trace; less than 1 KB, so ten messages are still far from a batch's 1 MiB."""
    said = {PARENT: trace.parent, STATE: trace.state}
    return {
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in said.items() if value
        }
    }


def trace_of(attributes: Any, key: str) -> traces.Context | None:
    """What a message says of its trace, if it does; `key` is how a value is called there."""
    if not isinstance(attributes, dict):
        return None
    found = [attributes.get(name) for name in (PARENT, STATE)]
    values = [one.get(key) if isinstance(one, dict) else None for one in found]
    parent, state = (value if isinstance(value, str) else "" for value in values)
    return traces.read([parent], [state] if state else [])


def delivered(message: dict[str, Any], *, traced: bool) -> Delivery:
    """The delivery that an entry of `ReceiveMessage`'s answer is; with its trace if that was asked for."""
    said = message.get("Attributes") or {}
    sent = said.get("SentTimestamp")
    return Delivery(
        message["Body"],
        message["ReceiptHandle"],
        int(said.get("ApproximateReceiveCount", 1)),
        # A clock that differs from that of SQS would have it wait less than not at all.
        waited=None if sent is None else max(0.0, time.time() - int(sent) / 1000),
        trace=trace_of(message.get("MessageAttributes"), "StringValue") if traced else None,
    )
