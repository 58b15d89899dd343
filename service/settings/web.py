"""Where the service listens, what stands before it, and how long it keeps its word."""

from dataclasses import dataclass

from service.settings import values
from service.settings.setting import MIB, setting


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Web:
    """The service as its clients see it."""

    host: str = setting("HOST", "127.0.0.1", values.text, "address that `serve` listens on")
    port: int = setting("PORT", 8080, values.between(0, 65535), "port that `serve` listens on")
    processes: int = setting("PROCESSES", 1, values.between(1, 256), "processes in which `serve` answers on that port")
    shutdown_seconds: float = setting(
        "SHUTDOWN_SECONDS",
        25.0,
        values.between(0, 600, float),
        "time to finish what is under way after SIGTERM, for the service and for a worker",
    )

    # What stands between it and its clients.
    base_path: str = setting(
        "BASE_PATH", "", values.path, "on Lambda: what a custom domain maps this API under, as in `/photos`"
    )
    direct_upload_from: int | None = setting(
        "DIRECT_UPLOAD_FROM",
        None,
        values.between(1, MIB * 1024),
        "bytes from which on images cannot pass what stands before the service: they go straight to and from S3; "
        "on Lambda 4600000",
    )
    cors_origins: str = setting(
        "CORS_ORIGINS",
        "",
        values.origins,
        "web pages of which origins may call the API, with commas between, as in `https://example.org`",
    )

    # How long what it promises holds.
    wait_seconds: float = setting(
        "PREFER_WAIT_SECONDS", 30.0, values.between(0, 300, float), "the longest wait that `Prefer: wait` gets"
    )
    events_seconds: float = setting(
        "EVENTS_SECONDS",
        300.0,
        values.between(0, 3600, float),
        "how long a stream of events lasts at most; then its client comes again and goes on",
    )
    events_heartbeat_seconds: float = setting(
        "EVENTS_HEARTBEAT_SECONDS",
        15.0,
        values.between(0.1, 600, float),
        "how often a stream says that it is there, for those between that cut what is silent",
    )
    idempotency_seconds: int = setting(
        "IDEMPOTENCY_SECONDS", 86_400, values.between(1, 14 * 86_400), "how long an `Idempotency-Key` is remembered"
    )
    presign_seconds: int = setting(
        "PRESIGN_SECONDS",
        300,
        values.between(1, 604_800),
        "how long a presigned URL, or a direct upload's form, can be used",
    )
