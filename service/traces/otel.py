"""OpenTelemetry, and only here; imported when an exporter is configured (see `service.traces`).

Sampling, resource and the exporter's own headers, certificates, compression and time-outs are the library's matter and
follow its standard variables: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import logging
from collections.abc import Mapping
from types import TracebackType

from opentelemetry import context as current
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.settings import Settings
from service.traces import STATE_CHARACTERS, Attributes, Context, Span, code_of
from service.traces.sender import Sender

KINDS = {kind.name.lower(): kind for kind in SpanKind}
UNNAMED = "unknown_service"
"""How the library names a service that OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES leave without a name."""

_propagator = TraceContextTextMapPropagator()
# It would tell of each header of a client that is not sound.
logging.getLogger("opentelemetry.trace").setLevel(logging.ERROR)


class Tracing:
    """Collects what one process does."""

    def __init__(self, settings: Settings, service: str) -> None:
        assert settings.traces_to is not None
        resource = Resource.create({})
        if str(resource.attributes[SERVICE_NAME]).startswith(UNNAMED):
            resource = resource.merge(Resource({SERVICE_NAME: service}))
        self._sender = Sender(OTLPSpanExporter(endpoint=settings.traces_to))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(self._sender)
        # Only this is kept: a provider that lives works, with threads, in each process that is forked from this one, as
        # decoders are by uvloop.
        self._tracer = provider.get_tracer("cloud-images")

    def span(self, name: str, attributes: Attributes | None, kind: str, parent: Context | None) -> Span:
        """See `service.traces.span`."""
        around, links = None, []
        if parent is not None:
            around = _propagator.extract({"traceparent": parent.parent, "tracestate": parent.state}, current.Context())
            known = trace.get_current_span(around).get_span_context()
            # A message is worked on in its sender's trace, and says by the link that this was not a call.
            links = [Link(known)] if kind == "consumer" and known.is_valid else []
        return _Recorded(self._tracer.start_span(name, around, KINDS[kind], dict(attributes or {}), links))

    def note(self, name: str, value: str | float) -> None:
        """See `service.traces.note`."""
        trace.get_current_span().set_attribute(name, value)

    def fail(self, code: str) -> None:
        """See `service.traces.fail`."""
        _fail(trace.get_current_span(), code)

    def flush(self, seconds: float) -> None:
        """Send what there is, within that time."""
        self._sender.flush(seconds)

    def close(self, seconds: float) -> None:
        """Send what there is, within that time, and take nothing more."""
        self._sender.close(seconds)


class _Recorded(Span):
    """One that is sent on, if it is sampled."""

    __slots__ = ("_around", "_failed", "_span")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._failed = False

    @property
    def context(self) -> Context | None:  # type: ignore[override]
        known = self._span.get_span_context()
        parent = f"00-{known.trace_id:032x}-{known.span_id:016x}-{known.trace_flags:02x}"
        state = known.trace_state.to_header()
        return Context(parent, state if len(state) <= STATE_CHARACTERS else "")

    @property
    def ids(self) -> Mapping[str, str]:  # type: ignore[override]
        return {"trace_id": f"{self._span.get_span_context().trace_id:032x}"}

    def __enter__(self) -> Span:
        self._around = current.attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        current.detach(self._around)
        if error is not None and not self._failed:
            self.fail(code_of(error))
        self._span.end()

    def note(self, name: str, value: str | float) -> None:
        self._span.set_attribute(name, value)

    def fail(self, code: str, *, ours: bool = True) -> None:
        self._failed = True
        _fail(self._span, code, ours=ours)


def _fail(span: trace.Span, code: str, *, ours: bool = True) -> None:
    span.set_attribute("error.type", code)
    if ours:
        span.set_status(Status(StatusCode.ERROR))
