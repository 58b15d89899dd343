"""All settings, read from the environment here and nowhere else.

Each field names its variable, its default and its meaning; the table of docs/configuration.md and
`Settings.from_env` follow from them.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from service import values
from service.errors import SettingsError

MIB = 1024 * 1024


def _cores() -> int:
    """The cores that this process may use, where the system tells; a container often has fewer than the machine."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _setting(env: str | tuple[str, ...], default: Any, read: Callable[[str], Any], about: str) -> Any:
    """A field read from the first of the variables `env` that is set and not empty."""
    names = (env,) if isinstance(env, str) else env
    return field(default=default, metadata={"env": names, "read": read, "about": about})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The service's and the worker's settings; sizes in bytes, times in seconds."""

    # Where AWS is. None means the real AWS of the region.
    endpoint_s3: str | None = _setting(
        ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
        None,
        values.url,
        "where S3 is, if not on AWS itself",
    )
    endpoint_sqs: str | None = _setting(
        ("AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
        None,
        values.url,
        "where SQS is, if not on AWS itself",
    )
    endpoint_dynamodb: str | None = _setting(
        ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
        None,
        values.url,
        "where DynamoDB is, if not on AWS itself",
    )
    endpoint_sns: str | None = _setting(
        ("AWS_ENDPOINT_URL_SNS", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
        None,
        values.url,
        "where SNS is, if not on AWS itself",
    )
    public_endpoint_s3: str | None = _setting(
        "AWS_PUBLIC_ENDPOINT_S3",
        None,
        values.url,
        "where clients reach S3 with presigned URLs, if elsewhere than the service",
    )
    region: str = _setting(("AWS_DEFAULT_REGION", "AWS_REGION"), "us-east-1", values.region, "AWS region")

    # Names in AWS.
    bucket: str = _setting("IMAGE_BUCKET", "image-bucket", values.text, "bucket of staged objects and images")
    table: str = _setting("IMAGES_TABLE", "ImagesTable", values.text, "table of records")
    queue: str = _setting("IMAGE_QUEUE", "image-uploads", values.text, "queue of accepted uploads")
    dead_letter_queue: str = _setting(
        "IMAGE_DEAD_LETTER_QUEUE", "image-uploads-dlq", values.text, "queue of uploads that could not be processed"
    )
    topic: str | None = _setting(
        "IMAGE_TOPIC_ARN", None, values.topic, "SNS topic that the worker tells of each image's final status; else none"
    )

    # The web.
    host: str = _setting("HOST", "127.0.0.1", values.text, "address that `serve` listens on")
    port: int = _setting("PORT", 8080, values.between(0, 65535), "port that `serve` listens on")
    processes: int = _setting("PROCESSES", 1, values.between(1, 256), "processes in which `serve` answers on that port")
    auth_mode: str = _setting(
        "AUTH_MODE",
        "header",
        values.one_of("header", "api-key", "jwt"),
        "how users are told apart: by `X-User-Id`, by API keys, or by tokens of an issuer",
    )
    trust_user_header: bool = _setting(
        "TRUST_USER_HEADER",
        False,
        values.flag,
        "1: trust `X-User-Id` on a public address too, behind a gateway that sets it",
    )
    user_claim: str = _setting(
        "USER_CLAIM",
        "sub",
        values.text,
        "which claim is the user's id: of a token, or, on Lambda, of the gateway's authorizer",
    )
    base_path: str = _setting(
        "BASE_PATH", "", values.path, "on Lambda: what a custom domain maps this API under, as in `/photos`"
    )
    direct_upload_from: int | None = _setting(
        "DIRECT_UPLOAD_FROM",
        None,
        values.between(1, MIB * 1024),
        "bytes from which on images cannot pass what stands before the service: they go straight to and from S3; "
        "on Lambda 4600000",
    )
    keep_alive_seconds: float = _setting(
        "KEEP_ALIVE_SECONDS",
        75.0,
        values.between(1, 3600, float),
        "how long a connection may be idle, before its first request and between two",
    )
    body_idle_seconds: float = _setting(
        "BODY_IDLE_SECONDS",
        30.0,
        values.between(0.1, 3600, float),
        "how long a body may stall before it is refused",
    )
    linger_seconds: float = _setting(
        "LINGER_SECONDS",
        30.0,
        values.between(0, 600, float),
        "how long the rest of a refused body is read, so the answer arrives",
    )
    wait_seconds: float = _setting(
        "PREFER_WAIT_SECONDS", 30.0, values.between(0, 300, float), "the longest wait that `Prefer: wait` gets"
    )
    events_seconds: float = _setting(
        "EVENTS_SECONDS",
        300.0,
        values.between(0, 3600, float),
        "how long a stream of events lasts at most; then its client comes again and goes on",
    )
    events_heartbeat_seconds: float = _setting(
        "EVENTS_HEARTBEAT_SECONDS",
        15.0,
        values.between(0.1, 600, float),
        "how often a stream says that it is there, for those between that cut what is silent",
    )
    idempotency_seconds: int = _setting(
        "IDEMPOTENCY_SECONDS", 86_400, values.between(1, 14 * 86_400), "how long an `Idempotency-Key` is remembered"
    )
    presign_seconds: int = _setting(
        "PRESIGN_SECONDS",
        300,
        values.between(1, 604_800),
        "how long a presigned URL, or a direct upload's form, can be used",
    )
    api_keys: str = _setting(
        "API_KEYS", "", values.text, "for `api-key`: lines of `cloud-images api-key create`, with commas between"
    )
    api_keys_file: str | None = _setting(
        "API_KEYS_FILE", None, values.text, "for `api-key`: file of such lines, which is read again when it changes"
    )
    jwt_issuer: str = _setting("JWT_ISSUER", "", values.text, "for `jwt`: the issuer (`iss`) of the tokens")
    jwt_audience: str = _setting(
        "JWT_AUDIENCE", "", values.text, "for `jwt`: audiences (`aud`), with commas between, of which a token names one"
    )
    jwt_jwks_url: str = _setting(
        "JWT_JWKS_URL",
        "",
        values.secure_url,
        "for `jwt`: where the issuer's keys are; else its `/.well-known/openid-configuration` says so",
    )
    jwt_algorithms: str = _setting(
        "JWT_ALGORITHMS", "RS256,ES256", values.algorithms, "for `jwt`: what a token may be signed with"
    )
    jwt_leeway_seconds: float = _setting(
        "JWT_LEEWAY_SECONDS", 30.0, values.between(0, 300, float), "for `jwt`: how far clocks may be apart"
    )
    jwt_keys_seconds: float = _setting(
        "JWT_KEYS_SECONDS",
        600.0,
        values.between(1, 86_400, float),
        "for `jwt`: how long the issuer's keys are used before they are fetched again",
    )
    jwt_keys_stale_seconds: float = _setting(
        "JWT_KEYS_STALE_SECONDS",
        21_600.0,
        values.between(1, 604_800, float),
        "for `jwt`: how long they are used at most, while the issuer does not answer",
    )
    cors_origins: str = _setting(
        "CORS_ORIGINS",
        "",
        values.origins,
        "web pages of which origins may call the API, with commas between, as in `https://example.org`",
    )
    rate_limit_requests: int | None = _setting(
        "RATE_LIMIT_REQUESTS_PER_MINUTE",
        None,
        values.between(1, 1_000_000),
        "most requests of a user at once and a minute, counted in each process; else no limit",
    )
    rate_limit_uploads: int | None = _setting(
        "RATE_LIMIT_UPLOADS_PER_MINUTE",
        None,
        values.between(1, 1_000_000),
        "most uploads (`POST`) among them; else no limit",
    )

    # What a user may keep; the same for service and worker.
    quota_images: int | None = _setting(
        "QUOTA_IMAGES", None, values.between(1, 10**12), "most images of a user; else no limit"
    )
    quota_bytes: int | None = _setting(
        "QUOTA_BYTES", None, values.between(1, 10**18), "most bytes of a user's images as uploaded; else no limit"
    )

    header_seconds: float = _setting(
        "HEADER_SECONDS",
        30.0,
        values.between(0.1, 3600, float),
        "how long the headers of a request may take, from their first byte on",
    )
    header_bytes: int = _setting(
        "HEADER_BYTES", 32 * 1024, values.between(1024, MIB), "most bytes of a request's headers, names and values"
    )
    min_bytes_per_second: float = _setting(
        "MIN_BYTES_PER_SECOND",
        500.0,
        values.between(1, MIB, float),
        "a body may take `BODY_IDLE_SECONDS`, and one more for so many bytes of it; an answer is to be taken as fast",
    )
    answer_idle_seconds: float = _setting(
        "ANSWER_IDLE_SECONDS",
        60.0,
        values.between(0.1, 3600, float),
        "how long a client may take less of its answer than that rate; then its connection is cut",
    )
    linger_bytes: int = _setting(
        "LINGER_BYTES",
        64 * MIB,
        values.between(0, 1024 * 1024 * MIB),
        "most bytes of the rest of a refused body that are read",
    )
    max_connections: int = _setting(
        "MAX_CONNECTIONS",
        4096,
        values.between(1, 1_000_000),
        "connections of a process, as far as its open files allow; beyond them the longest idle ones are closed, "
        "and when there are none new ones get 503",
    )

    # What counts as sane, and what it may cost.
    max_pixels: int = _setting(
        "MAX_PIXELS",
        50_000_000,
        values.between(1, 1_000_000_000),
        "most pixels of an image: width × height × frames",
    )
    max_side: int = _setting("MAX_SIDE", 32_767, values.between(1, 65_535), "most pixels of an image's width or height")
    max_frames: int = _setting("MAX_FRAMES", 900, values.between(1, 100_000), "most frames of an animation")
    spool_memory: int = _setting(
        "SPOOL_MEMORY_BYTES",
        32 * MIB,
        values.between(0, 1024 * 1024 * MIB),
        "memory of a process for bodies on their way in, those included that are read back; beyond it: disk",
    )
    spool_dir: str | None = _setting(
        "SPOOL_DIR",
        None,
        values.folder,
        "folder for bodies beyond that memory, which should not be a tmpfs; else the system's",
    )

    # The worker.
    decoders: int = _setting(
        "DECODERS",
        _cores(),
        values.between(1, 256),
        "decoder processes of a worker; by default one a core",
    )
    worker_concurrency: int = _setting(
        "WORKER_CONCURRENCY", 8, values.between(1, 256), "uploads that a worker has under way at once"
    )
    decode_seconds: float = _setting(
        "DECODE_SECONDS", 30.0, values.between(0.1, 600, float), "how long one image may take to decode"
    )
    decoder_memory: int = _setting(
        "DECODER_MEMORY_BYTES",
        2048 * MIB,
        values.between(128 * MIB, 64 * 1024 * MIB),
        "address space of a decoder process",
    )
    visibility_seconds: int = _setting(
        "VISIBILITY_SECONDS",
        120,
        values.between(2, 43_200),
        "how long a message stays hidden between two heartbeats",
    )
    max_deliveries: int = _setting(
        "MAX_DELIVERIES", 5, values.between(1, 1000), "deliveries before a message is a dead letter"
    )
    retry_seconds: int = _setting(
        "RETRY_SECONDS",
        5,
        values.between(0, 900),
        "pause before the second delivery; doubles with each further one",
    )
    poll_seconds: int = _setting("POLL_SECONDS", 10, values.between(0, 20), "long-poll time of the worker")
    shutdown_seconds: float = _setting(
        "SHUTDOWN_SECONDS", 25.0, values.between(0, 600, float), "time to finish what is under way after SIGTERM"
    )
    worker_heartbeat_file: str | None = _setting(
        "WORKER_HEARTBEAT_FILE", None, values.text, "file that the worker touches at each poll, for health checks"
    )
    worker_metrics_host: str = _setting(
        "WORKER_METRICS_HOST", "127.0.0.1", values.text, "address at which a worker shows its figures"
    )
    worker_metrics_port: int | None = _setting(
        "WORKER_METRICS_PORT",
        None,
        values.between(0, 65535),
        "port of `/metrics` and `/healthz` of a worker; 0: any free one; without it a worker listens nowhere",
    )
    sweep_seconds: int = _setting(
        "SWEEP_SECONDS", 3600, values.between(0, 30 * 86_400), "time between two sweeps that the workers do; 0: none"
    )
    sweep_after_seconds: int = _setting(
        "SWEEP_AFTER_SECONDS",
        3600,
        values.between(0, 30 * 86_400),
        "how old must be what a sweep takes for left behind; more than an upload is under way",
    )
    decoder_seccomp: str = _setting(
        "DECODER_SECCOMP",
        "auto",
        values.one_of("auto", "required", "off"),
        "filter of a decoder's system calls: auto (with a warning where there is none), required, off",
    )
    log_level: str = _setting(
        "LOG_LEVEL", "INFO", values.one_of("DEBUG", "INFO", "WARNING", "ERROR"), "least level logged"
    )
    log_format: str = _setting(
        "LOG_FORMAT",
        "auto",
        values.one_of("auto", "json", "text"),
        "`json`: one object a line; `text` for people; `auto`: text on a terminal",
    )
    access_log: bool = _setting("ACCESS_LOG", True, values.flag, "1: log a line for each request")

    # Traces. The other standard variables are read by OpenTelemetry itself.
    otlp_traces_endpoint: str | None = _setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        None,
        values.url,
        "where traces go (OTLP over HTTP), as in `http://localhost:4318/v1/traces`; without this and the next: nowhere",
    )
    otlp_endpoint: str | None = _setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT", None, values.url, "the same without its path, as in `http://localhost:4318`"
    )
    otlp_protocol: str = _setting(
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
        "http/protobuf",
        values.text,
        "how; there is no other way",
    )
    traces_exporter: str = _setting("OTEL_TRACES_EXPORTER", "otlp", values.text, "`none`: no traces")
    otel_disabled: bool = _setting("OTEL_SDK_DISABLED", False, values.flag, "1: no traces")

    @property
    def traces_to(self) -> str | None:
        """Where traces go; None when nobody collects them."""
        if self.otel_disabled or "otlp" not in self.traces_exporter.replace(" ", "").split(","):
            return None
        at = self.otlp_endpoint
        return self.otlp_traces_endpoint or (f"{at.rstrip('/')}/v1/traces" if at else None)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> "Settings":
        """Settings from `environ` (the process's own by default); `overrides` win, None among them means not given.

        :raises SettingsError: a variable has a value that cannot be used.
        """
        given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
        read, complaints = _read(os.environ if environ is None else environ, set(given))
        if complaints:
            raise SettingsError(complaints[0])
        return cls(**given, **read)

    @staticmethod
    def complaints(environ: Mapping[str, str] | None = None) -> list[str]:
        """What is wrong with each variable that cannot be used."""
        return _read(os.environ if environ is None else environ, set())[1]


def _read(environ: Mapping[str, str], given: set[str]) -> tuple[dict[str, Any], list[str]]:
    """The fields that the environment sets, but for those that are given already; and what is wrong with others."""
    values: dict[str, Any] = {}
    complaints: list[str] = []
    for one in fields(Settings):
        found = next((name for name in one.metadata["env"] if environ.get(name)), None)
        if one.name in given or found is None:
            continue
        read = one.metadata["read"]
        try:
            values[one.name] = read(environ[found])
        except (ValueError, KeyError):
            complaints.append(f"{found} must be {read.__doc__}, not {environ[found]!r}.")
    # One variable can be that of several fields.
    return values, list(dict.fromkeys(complaints))
