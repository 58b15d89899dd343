"""All settings, read from the environment here and nowhere else.

Each field names its variable, its default and its meaning; README's table and `Settings.from_env` follow from them.
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from service.errors import SettingsError

MIB = 1024 * 1024
ASYMMETRIC = {*(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)), "EdDSA"}
"""What tokens may be signed with: with a shared secret (`HS256`), whoever can check tokens could make them."""
ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(:(?!0)[0-9]{1,5})?")


def _text(value: str) -> str:
    return value


def _flag(value: str) -> bool:
    known = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    return known[value.lower()]


def _between(low: float, high: float, kind: type[int] | type[float] = int) -> Callable[[str], float]:
    def read(value: str) -> float:
        number = kind(value)
        if not low <= number <= high:
            raise ValueError
        return number

    read.__doc__ = f"a {'whole ' if kind is int else ''}number from {low:,} to {high:,}"
    return read


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError
        return value

    read.__doc__ = "one of " + ", ".join(allowed)
    return read


def _url(value: str) -> str:
    parts = urlsplit(value)
    # `port` raises ValueError when it is not a number.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError
    return value


def secure_url(value: str) -> str:
    # Nobody on the way can answer in its place.
    host = urlsplit(_url(value)).hostname or ""
    if not value.startswith("https://") and host not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("it is not https")
    return value


def _algorithms(value: str) -> str:
    names = value.replace(" ", "").split(",")
    if not set(names) <= ASYMMETRIC:
        raise ValueError
    return ",".join(names)


def _origins(value: str) -> str:
    origins = value.replace(" ", "").split(",")
    if not all(ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError
    return ",".join(origins)


def _region(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z0-9-]{1,63}", value):
        raise ValueError
    return value


def _folder(value: str) -> str:
    if not Path(value).is_dir() or not os.access(value, os.W_OK):
        raise ValueError
    return value


def _path(value: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError
    return value


_algorithms.__doc__ = "a list of asymmetric algorithms as in RS256,ES256"
_origins.__doc__ = "a list of origins as browsers write them, as in https://example.org,http://localhost:5173"
_path.__doc__ = "a path as in /photos"
secure_url.__doc__ = "an https URL (or http on localhost)"
_url.__doc__ = "a URL as in http://localhost:4566"
_region.__doc__ = "a region as in us-east-1"
_folder.__doc__ = "a folder that can be written to"
_text.__doc__ = "a text"
_flag.__doc__ = "1 or 0"


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
        _url,
        "where S3 is, if not on AWS itself",
    )
    endpoint_sqs: str | None = _setting(
        ("AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
        None,
        _url,
        "where SQS is, if not on AWS itself",
    )
    endpoint_dynamodb: str | None = _setting(
        ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT", "AWS_ENDPOINT_URL"),
        None,
        _url,
        "where DynamoDB is, if not on AWS itself",
    )
    public_endpoint_s3: str | None = _setting(
        "AWS_PUBLIC_ENDPOINT_S3",
        None,
        _url,
        "where clients reach S3 with presigned URLs, if elsewhere than the service",
    )
    region: str = _setting(("AWS_DEFAULT_REGION", "AWS_REGION"), "us-east-1", _region, "AWS region")

    # Names in AWS.
    bucket: str = _setting("IMAGE_BUCKET", "image-bucket", _text, "bucket of staged objects and images")
    table: str = _setting("IMAGES_TABLE", "ImagesTable", _text, "table of records")
    queue: str = _setting("IMAGE_QUEUE", "image-uploads", _text, "queue of accepted uploads")
    dead_letter_queue: str = _setting(
        "IMAGE_DEAD_LETTER_QUEUE", "image-uploads-dlq", _text, "queue of uploads that could not be processed"
    )

    # The web.
    host: str = _setting("HOST", "127.0.0.1", _text, "address that `serve` listens on")
    port: int = _setting("PORT", 8080, _between(0, 65535), "port that `serve` listens on")
    processes: int = _setting("PROCESSES", 1, _between(1, 256), "processes in which `serve` answers on that port")
    auth_mode: str = _setting(
        "AUTH_MODE",
        "header",
        _one_of("header", "api-key", "jwt"),
        "how users are told apart: by `X-User-Id`, by API keys, or by tokens of an issuer",
    )
    trust_user_header: bool = _setting(
        "TRUST_USER_HEADER",
        False,
        _flag,
        "1: trust `X-User-Id` on a public address too, behind a gateway that sets it",
    )
    user_claim: str = _setting(
        "USER_CLAIM",
        "sub",
        _text,
        "which claim is the user's id: of a token, or, on Lambda, of the gateway's authorizer",
    )
    base_path: str = _setting(
        "BASE_PATH", "", _path, "on Lambda: what a custom domain maps this API under, as in `/photos`"
    )
    direct_upload_from: int | None = _setting(
        "DIRECT_UPLOAD_FROM",
        None,
        _between(1, MIB * 1024),
        "bytes from which on images cannot pass what stands before the service: they go straight to and from S3; "
        "on Lambda 4600000",
    )
    keep_alive_seconds: float = _setting(
        "KEEP_ALIVE_SECONDS",
        75.0,
        _between(1, 3600, float),
        "how long a connection may be idle, before its first request and between two",
    )
    body_idle_seconds: float = _setting(
        "BODY_IDLE_SECONDS",
        30.0,
        _between(0.1, 3600, float),
        "how long a body may stall before it is refused",
    )
    linger_seconds: float = _setting(
        "LINGER_SECONDS",
        30.0,
        _between(0, 600, float),
        "how long the rest of a refused body is read, so the answer arrives",
    )
    wait_seconds: float = _setting(
        "PREFER_WAIT_SECONDS", 30.0, _between(0, 300, float), "the longest wait that `Prefer: wait` gets"
    )
    idempotency_seconds: int = _setting(
        "IDEMPOTENCY_SECONDS", 86_400, _between(1, 14 * 86_400), "how long an `Idempotency-Key` is remembered"
    )
    presign_seconds: int = _setting(
        "PRESIGN_SECONDS", 300, _between(1, 604_800), "how long a presigned URL, or a direct upload's form, can be used"
    )
    api_keys: str = _setting(
        "API_KEYS", "", _text, "for `api-key`: lines of `cloud-images api-key create`, with commas between"
    )
    api_keys_file: str | None = _setting(
        "API_KEYS_FILE", None, _text, "for `api-key`: file of such lines, which is read again when it changes"
    )
    jwt_issuer: str = _setting("JWT_ISSUER", "", _text, "for `jwt`: the issuer (`iss`) of the tokens")
    jwt_audience: str = _setting(
        "JWT_AUDIENCE", "", _text, "for `jwt`: audiences (`aud`), with commas between, of which a token names one"
    )
    jwt_jwks_url: str = _setting(
        "JWT_JWKS_URL",
        "",
        secure_url,
        "for `jwt`: where the issuer's keys are; else its `/.well-known/openid-configuration` says so",
    )
    jwt_algorithms: str = _setting(
        "JWT_ALGORITHMS", "RS256,ES256", _algorithms, "for `jwt`: what a token may be signed with"
    )
    jwt_leeway_seconds: float = _setting(
        "JWT_LEEWAY_SECONDS", 30.0, _between(0, 300, float), "for `jwt`: how far clocks may be apart"
    )
    jwt_keys_seconds: float = _setting(
        "JWT_KEYS_SECONDS",
        600.0,
        _between(1, 86_400, float),
        "for `jwt`: how long the issuer's keys are used before they are fetched again",
    )
    jwt_keys_stale_seconds: float = _setting(
        "JWT_KEYS_STALE_SECONDS",
        21_600.0,
        _between(1, 604_800, float),
        "for `jwt`: how long they are used at most, while the issuer does not answer",
    )
    cors_origins: str = _setting(
        "CORS_ORIGINS",
        "",
        _origins,
        "web pages of which origins may call the API, with commas between, as in `https://example.org`",
    )
    rate_limit_requests: int | None = _setting(
        "RATE_LIMIT_REQUESTS_PER_MINUTE",
        None,
        _between(1, 1_000_000),
        "most requests of a user at once and a minute, counted in each process; else no limit",
    )
    rate_limit_uploads: int | None = _setting(
        "RATE_LIMIT_UPLOADS_PER_MINUTE",
        None,
        _between(1, 1_000_000),
        "most uploads (`POST`) among them; else no limit",
    )

    # What a user may keep; the same for service and worker.
    quota_images: int | None = _setting(
        "QUOTA_IMAGES", None, _between(1, 10**12), "most images of a user; else no limit"
    )
    quota_bytes: int | None = _setting(
        "QUOTA_BYTES", None, _between(1, 10**18), "most bytes of a user's images as uploaded; else no limit"
    )

    header_seconds: float = _setting(
        "HEADER_SECONDS",
        30.0,
        _between(0.1, 3600, float),
        "how long the headers of a request may take, from their first byte on",
    )
    header_bytes: int = _setting(
        "HEADER_BYTES", 32 * 1024, _between(1024, MIB), "most bytes of a request's headers, names and values"
    )
    min_bytes_per_second: float = _setting(
        "MIN_BYTES_PER_SECOND",
        500.0,
        _between(1, MIB, float),
        "a body may take `BODY_IDLE_SECONDS`, and one more for so many bytes of it; an answer is to be taken as fast",
    )
    answer_idle_seconds: float = _setting(
        "ANSWER_IDLE_SECONDS",
        60.0,
        _between(0.1, 3600, float),
        "how long a client may take less of its answer than that rate; then its connection is cut",
    )
    linger_bytes: int = _setting(
        "LINGER_BYTES",
        64 * MIB,
        _between(0, 1024 * 1024 * MIB),
        "most bytes of the rest of a refused body that are read",
    )
    max_connections: int = _setting(
        "MAX_CONNECTIONS",
        4096,
        _between(1, 1_000_000),
        "connections of a process, as far as its open files allow; beyond them the longest idle ones are closed, "
        "and when there are none new ones get 503",
    )

    # What counts as sane, and what it may cost.
    max_pixels: int = _setting(
        "MAX_PIXELS",
        50_000_000,
        _between(1, 1_000_000_000),
        "most pixels of an image: width × height × frames",
    )
    max_side: int = _setting("MAX_SIDE", 32_767, _between(1, 65_535), "most pixels of an image's width or height")
    max_frames: int = _setting("MAX_FRAMES", 900, _between(1, 100_000), "most frames of an animation")
    spool_memory: int = _setting(
        "SPOOL_MEMORY_BYTES",
        32 * MIB,
        _between(0, 1024 * 1024 * MIB),
        "memory of a process for bodies on their way in, those included that are read back; beyond it: disk",
    )
    spool_dir: str | None = _setting(
        "SPOOL_DIR",
        None,
        _folder,
        "folder for bodies beyond that memory, which should not be a tmpfs; else the system's",
    )

    # The worker.
    decoders: int = _setting(
        "DECODERS",
        _cores(),
        _between(1, 256),
        "decoder processes of a worker; by default one a core",
    )
    worker_concurrency: int = _setting(
        "WORKER_CONCURRENCY", 8, _between(1, 256), "uploads that a worker has under way at once"
    )
    decode_seconds: float = _setting(
        "DECODE_SECONDS", 30.0, _between(0.1, 600, float), "how long one image may take to decode"
    )
    decoder_memory: int = _setting(
        "DECODER_MEMORY_BYTES",
        2048 * MIB,
        _between(128 * MIB, 64 * 1024 * MIB),
        "address space of a decoder process",
    )
    visibility_seconds: int = _setting(
        "VISIBILITY_SECONDS",
        120,
        _between(2, 43_200),
        "how long a message stays hidden between two heartbeats",
    )
    max_deliveries: int = _setting(
        "MAX_DELIVERIES", 5, _between(1, 1000), "deliveries before a message is a dead letter"
    )
    retry_seconds: int = _setting(
        "RETRY_SECONDS",
        5,
        _between(0, 900),
        "pause before the second delivery; doubles with each further one",
    )
    poll_seconds: int = _setting("POLL_SECONDS", 10, _between(0, 20), "long-poll time of the worker")
    shutdown_seconds: float = _setting(
        "SHUTDOWN_SECONDS", 25.0, _between(0, 600, float), "time to finish what is under way after SIGTERM"
    )
    worker_heartbeat_file: str | None = _setting(
        "WORKER_HEARTBEAT_FILE", None, _text, "file that the worker touches at each poll, for health checks"
    )
    sweep_seconds: int = _setting(
        "SWEEP_SECONDS", 3600, _between(0, 30 * 86_400), "time between two sweeps that the workers do; 0: none"
    )
    sweep_after_seconds: int = _setting(
        "SWEEP_AFTER_SECONDS",
        3600,
        _between(0, 30 * 86_400),
        "how old must be what a sweep takes for left behind; more than an upload is under way",
    )
    decoder_seccomp: str = _setting(
        "DECODER_SECCOMP",
        "auto",
        _one_of("auto", "required", "off"),
        "filter of a decoder's system calls: auto (with a warning where there is none), required, off",
    )
    log_level: str = _setting("LOG_LEVEL", "INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR"), "least level logged")
    log_format: str = _setting(
        "LOG_FORMAT",
        "auto",
        _one_of("auto", "json", "text"),
        "`json`: one object a line; `text` for people; `auto`: text on a terminal",
    )
    access_log: bool = _setting("ACCESS_LOG", True, _flag, "1: log a line for each request")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> "Settings":
        """Settings from `environ` (the process's own by default); `overrides` win, None among them means not given.

        :raises SettingsError: a variable has a value that cannot be used.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
        for one in fields(cls):
            found = next((name for name in one.metadata["env"] if environ.get(name)), None)
            if one.name in values or found is None:
                continue
            read = one.metadata["read"]
            try:
                values[one.name] = read(environ[found])
            except (ValueError, KeyError):
                raise SettingsError(f"{found} must be {read.__doc__}, not {environ[found]!r}.") from None
        return cls(**values)
