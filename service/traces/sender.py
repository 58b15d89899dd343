"""Hands spans to an exporter in a thread, and keeps nobody waiting for it.

Not the library's BatchSpanProcessor: that one cannot be flushed within a time, and starts a thread in each process that
is forked from this one, as every decoder is.
"""

import collections
import logging
import threading
import time

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

MOST_WAITING = 2048
BATCH = 512
PAUSE_SECONDS = 1.0
LOG_SECONDS = 60.0

log = logging.getLogger(__name__)


class Sender(SpanProcessor):
    """Bounded: of more spans than `MOST_WAITING`, as when nobody takes them, the newest are dropped."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._waiting: collections.deque[ReadableSpan] = collections.deque()
        self._woken = threading.Event()
        self._settled = threading.Condition()
        self._taken = self._done = self._lost = 0
        self._late = self._closing = False
        self._quiet_until = 0.0
        self._said = _LastWords()
        # A daemon: the process may end while the exporter hangs.
        threading.Thread(target=self._run, name="traces", daemon=True).start()

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span; never waits."""
        if span.context is None or not span.context.trace_flags.sampled or self._closing:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            return
        self._taken += 1
        self._waiting.append(span)
        if len(self._waiting) >= BATCH:
            self._woken.set()

    def flush(self, seconds: float) -> None:
        """Wait until all that was taken has been sent or given up, at most so long.

        Not at all when an earlier wait was in vain and nothing has been sent since: an exporter that hangs costs one.
        """
        wanted = self._taken
        with self._settled:
            if not self._late and self._done < wanted:
                self._woken.set()
                self._late = not self._settled.wait_for(lambda: self._done >= wanted, seconds)

    def close(self, seconds: float) -> None:
        """Flush, and take nothing more."""
        self._closing = True
        self.flush(seconds)
        self._woken.set()

    def _run(self) -> None:
        while not self._closing or self._waiting:
            self._woken.wait(PAUSE_SECONDS)
            self._woken.clear()
            while self._waiting:
                self._send([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])
        self._exporter.shutdown()

    def _send(self, spans: list[ReadableSpan]) -> None:
        sent = False
        try:
            sent = self._exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception as error:  # whatever it is, the next ones may be sent
            self._said.text = f"{type(error).__name__}: {error}"
        with self._settled:
            self._done += len(spans)
            self._late = self._late and not sent
            self._settled.notify_all()
        self._lost += 0 if sent else len(spans)
        if self._lost and time.monotonic() >= self._quiet_until:
            log.warning("%d spans of traces are lost: %s", self._lost, self._said.text)
            self._lost, self._quiet_until = 0, time.monotonic() + LOG_SECONDS


class _LastWords(logging.Filter):
    """Keeps what the library says of its attempts, several times each, out of the log, but for the last."""

    def __init__(self) -> None:
        super().__init__()
        self.text = "more came than could be sent"
        logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter").addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        self.text = record.getMessage()[:500]
        return False
