"""The rows, each a module with `measure(folder) -> Outcome`; `folder` is for what it needs while it runs."""

from collections.abc import Callable
from pathlib import Path

from tests.load.outcome import Outcome
from tests.load.rows import cpu, listing, memory, processes, ready, refusal_bytes, refusals, worker_cpu

ROWS: dict[str, Callable[[Path], Outcome]] = {
    "cpu": cpu.measure,
    "bytes": refusal_bytes.measure,
    "refusals": refusals.measure,
    "memory": memory.measure,
    "worker": worker_cpu.measure,
    "ready": ready.measure,
    "list": listing.measure,
    "processes": processes.measure,
}
"""By the names that `ONLY` takes."""
