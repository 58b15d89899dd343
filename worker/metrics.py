"""What Prometheus is told of a worker. Only loaded by one that shows it, as the library takes some 30 ms to import."""

import time
from collections.abc import Callable

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service import version
from service.images import Status
from worker.figures import Figures
from worker.sweep.report import Kind, Report

READY_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
"""From an idle worker to a queue that has grown for an hour."""
WAIT_SECONDS = (0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 21_600)
DECODE_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
AWAY = ("s3_unavailable", "sqs_unavailable", "dynamodb_unavailable")
DEATHS = ("decode_timeout", "decoder_out_of_memory", "decoder_crashed")
DEAF_SECONDS = 60.0
"""No poll takes so long; a worker that has not asked the queue since then does nothing any more."""

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics(Figures):
    """Counts what one worker does.

    What is rare counts from zero: a rise from nothing to one would be none to Prometheus.

    :param sweeps: whether this worker takes its turn at sweeping.
    """

    def __init__(self, *, sweeps: bool) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, about: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"cloud_images_{name}_total", about, labels, registry=registry)

        def histogram(name: str, about: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"cloud_images_{name}_seconds", about, buckets=buckets, registry=registry)

        def gauge(name: str, about: str) -> Gauge:
            return Gauge(f"cloud_images_{name}", about, registry=registry)

        build = Gauge("cloud_images_build_info", "Which version this is", ["version"], registry=registry)
        build.labels(version.installed()).set(1)
        self._under_way = gauge("uploads_under_way", "Messages that this worker has in hand")
        self._polled = gauge("last_poll_timestamp_seconds", "When this worker last asked the queue, or had no room")
        self._processed = counter(
            "processed",
            "Uploads by what became of them (ready, rejected, failed, deleted; queued: a direct one was admitted; "
            "repeated: an earlier delivery had done it) and the code of the reason",
            ("status", "code"),
        )
        self._bytes = counter("processed_bytes", "Bytes of uploads that got their final status")
        self._ready = histogram(
            "ready",
            "From acceptance (of a direct upload: from its form) until the image is ready, by the clock of the worker",
            READY_SECONDS,
        )
        self._wait = histogram("queue_wait", "How long a message was in the queue when it first came", WAIT_SECONDS)
        self._retries = counter("retries", "Deliveries that did not work, by the code of the reason", ("code",))
        self._outages = counter(
            "outages", "Times that an upload or a poll had to wait for what was away, by its code", ("code",)
        )
        self._decode = histogram("decode", "From an image's bytes to its decoder's verdict", DECODE_SECONDS)
        self._starts = counter("decoder_starts", "Decoder processes started")
        self._deaths = counter("decoder_deaths", "Decoder processes that died or were ended, by why", ("code",))
        self._found = counter(
            "sweep_found", "What sweeps have found, by kind, and whether it was repaired or left", ("kind", "result")
        )
        self._broken = counter("sweeps_broken_off", "Sweeps that could not go on; a later one does")
        for code in AWAY:
            self._outages.labels(code)
        for code in DEATHS:
            self._deaths.labels(code)
        for kind in Kind:
            self._found.labels(kind, "repaired")
            self._found.labels(kind, "left")
        self._polled.set_to_current_time()
        self._swept: Gauge | None = None
        if sweeps:
            about = "When this worker last came to the end of a sweep; before that, when it started"
            self._swept = gauge("last_sweep_timestamp_seconds", about)
            self._swept.set_to_current_time()
        self._heard = time.monotonic()

    @property
    def is_deaf(self) -> bool:
        """Whether the worker has ceased to ask the queue."""
        return time.monotonic() - self._heard > DEAF_SECONDS

    def works_on(self, under_way: Callable[[], int]) -> None:
        self._under_way.set_function(under_way)

    def polled(self) -> None:
        self._heard = time.monotonic()
        self._polled.set_to_current_time()

    def received(self, waited: float) -> None:
        self._wait.observe(waited)

    def finished(self, status: Status | None, code: str = "", size: int = 0) -> None:
        self._processed.labels(status or "repeated", code).inc()
        self._bytes.inc(size)

    def ready(self, seconds: float) -> None:
        self._ready.observe(max(0.0, seconds))

    def retried(self, code: str) -> None:
        self._retries.labels(code).inc()

    def away(self, code: str) -> None:
        self._outages.labels(code).inc()

    def decoder_started(self) -> None:
        self._starts.inc()

    def decoder_died(self, code: str) -> None:
        self._deaths.labels(code).inc()

    def decoded(self, seconds: float) -> None:
        self._decode.observe(seconds)

    def swept(self, report: Report, *, whole: bool) -> None:
        for kind, found in report.found.items():
            self._found.labels(kind, "repaired").inc(report.repaired[kind])
            self._found.labels(kind, "left").inc(found - report.repaired[kind])
        if whole and self._swept:
            self._swept.set_to_current_time()

    def sweep_broke_off(self) -> None:
        self._broken.inc()
