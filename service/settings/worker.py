"""How a worker takes messages, decodes, sweeps and shows itself."""

import os
import sys
from dataclasses import dataclass

from service.settings import values
from service.settings.setting import MIB, setting


def _cores() -> int:
    """The cores that this process may use, where the system tells; a container often has fewer than the machine."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Worker:
    """How much at once, how often, how long, and what an image may cost."""

    worker_concurrency: int = setting(
        "WORKER_CONCURRENCY", 8, values.between(1, 256), "uploads that a worker has under way at once"
    )
    poll_seconds: int = setting("POLL_SECONDS", 10, values.between(0, 20), "long-poll time of the worker")
    visibility_seconds: int = setting(
        "VISIBILITY_SECONDS",
        120,
        values.between(2, 43_200),
        "how long a message stays hidden between two heartbeats",
    )
    max_deliveries: int = setting(
        "MAX_DELIVERIES", 5, values.between(1, 1000), "deliveries before a message is a dead letter"
    )
    retry_seconds: int = setting(
        "RETRY_SECONDS",
        5,
        values.between(0, 900),
        "pause before the second delivery; doubles with each further one",
    )

    decoders: int = setting(
        "DECODERS",
        _cores(),
        values.between(1, 256),
        "decoder processes of a worker; by default one a core",
    )
    decode_seconds: float = setting(
        "DECODE_SECONDS", 30.0, values.between(0.1, 600, float), "how long one image may take to decode"
    )
    decoder_memory: int = setting(
        "DECODER_MEMORY_BYTES",
        2048 * MIB,
        values.between(128 * MIB, 64 * 1024 * MIB),
        "address space of a decoder process",
    )
    decoder_seccomp: str = setting(
        "DECODER_SECCOMP",
        "auto",
        values.one_of("auto", "required", "off"),
        "filter of a decoder's system calls: auto (with a warning where there is none), required, off",
    )

    sweep_seconds: int = setting(
        "SWEEP_SECONDS", 3600, values.between(0, 30 * 86_400), "time between two sweeps that the workers do; 0: none"
    )
    sweep_after_seconds: int = setting(
        "SWEEP_AFTER_SECONDS",
        3600,
        values.between(0, 30 * 86_400),
        "how old must be what a sweep takes for left behind; more than an upload is under way",
    )

    worker_heartbeat_file: str | None = setting(
        "WORKER_HEARTBEAT_FILE", None, values.text, "file that the worker touches at each poll, for health checks"
    )
    worker_metrics_host: str = setting(
        "WORKER_METRICS_HOST", "127.0.0.1", values.text, "address at which a worker shows its figures"
    )
    worker_metrics_port: int | None = setting(
        "WORKER_METRICS_PORT",
        None,
        values.between(0, 65535),
        "port of `/metrics` and `/healthz` of a worker; 0: any free one; without it a worker listens nowhere",
    )
