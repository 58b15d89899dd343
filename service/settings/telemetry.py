"""What is logged and traced, and where to."""

from dataclasses import dataclass

from service.settings import values
from service.settings.setting import setting


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Telemetry:
    """Lines of the log, and spans."""

    log_level: str = setting(
        "LOG_LEVEL", "INFO", values.one_of("DEBUG", "INFO", "WARNING", "ERROR"), "least level logged"
    )
    log_format: str = setting(
        "LOG_FORMAT",
        "auto",
        values.one_of("auto", "json", "text"),
        "`json`: one object a line; `text` for people; `auto`: text on a terminal",
    )
    access_log: bool = setting("ACCESS_LOG", True, values.flag, "1: log a line for each request")

    # The other standard variables are read by OpenTelemetry itself.
    otlp_traces_endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        None,
        values.url,
        "where traces go (OTLP over HTTP), as in `http://localhost:4318/v1/traces`; without this and the next: nowhere",
    )
    otlp_endpoint: str | None = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", None, values.url, "the same without its path, as in `http://localhost:4318`"
    )
    otlp_protocol: str = setting(
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
        "http/protobuf",
        values.text,
        "how; there is no other way",
    )
    traces_exporter: str = setting("OTEL_TRACES_EXPORTER", "otlp", values.text, "`none`: no traces")
    otel_disabled: bool = setting("OTEL_SDK_DISABLED", False, values.flag, "1: no traces")

    @property
    def traces_to(self) -> str | None:
        """Where traces go; None when nobody collects them."""
        if self.otel_disabled or "otlp" not in self.traces_exporter.replace(" ", "").split(","):
            return None
        at = self.otlp_endpoint
        return self.otlp_traces_endpoint or (f"{at.rstrip('/')}/v1/traces" if at else None)
