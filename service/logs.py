"""Where the log goes and what its lines carry, for every way to run.

As JSON a line has `timestamp` (RFC 3339, UTC), `level`, `logger`, `message`, the ids of what it is about (`request_id`,
`user_id`, `image_id`, and `trace_id` where traces are collected) and, of some, further fields; `exception` holds a
traceback.
"""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from service.settings import Settings

SECRET = re.compile(
    r"""(?ix)
    (?P<header> (?: cookie | authorization ) \\*["']? \s* [=:] \s* \\*["']? ) [^\r\n"'}\]\\]+  # all of its words
    | (?P<name>
        (?: \b bearer | \b basic ) \s+
      | (?: signature | credential | security-token | api-?_?key | password | secret\w*
          | \b(?: access_ | id_ | refresh_ )? token ) \\*["']? \s* [=:] \s* \\*["']?
    )
    (?! bearer\s | basic\s ) [^\s"'&,;<>)}\]\\]+
    | \b cloudimg_ [\w-]{20,}  # one of our API keys
    | \b eyJ [\w-]{5,} \. [\w-]+ \. [\w-]*  # a JWT, wherever it stands
    """
)
HINTS = (
    *("cookie", "authorization", "bearer", "basic", "signature", "credential", "security-token", "password", "secret"),
    *("token", "apikey", "api-key", "api_key", "cloudimg_", "eyj"),
)
"""Each match of SECRET has one of these in it, in lower case; to look for them takes little time."""
CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029)}

_ids: ContextVar[dict[str, str]] = ContextVar("ids")
_NONE: dict[str, str] = {}


class about:  # noqa: N801 - used like the functions beside it
    """Lines that are logged within carry these ids, and those of what is around.

    A class, as every request passes here and generators take longer.
    """

    __slots__ = ("_known", "_token")

    def __init__(self, **ids: str) -> None:
        self._known = {**_ids.get(_NONE), **ids}

    def __enter__(self) -> dict[str, str]:
        self._token = _ids.set(self._known)
        return self._known

    def __exit__(self, *_: object) -> None:
        _ids.reset(self._token)


def note(**ids: str) -> None:
    """From now on the lines of the innermost `about` carry these ids as well."""
    if (known := _ids.get(None)) is not None:
        known.update(ids)


def set_up(settings: Settings) -> None:
    """Log to stderr, or where the process logs to already, as on Lambda."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stderr))
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    for handler in root.handlers:
        handler.setFormatter(Json() if as_json else Text())
        handler.addFilter(_with_ids)
    root.setLevel(settings.log_level)
    # No line says any of these: https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # They tell at each start where the credentials came from, and every retry; as DEBUG, requests with all they carry.
    for name in ("aiobotocore", "botocore"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))


def _with_ids(record: logging.LogRecord) -> bool:
    for name, value in _ids.get({}).items():
        if name not in record.__dict__:
            setattr(record, name, value)
    return True


class Json(logging.Formatter):
    """One JSON object a line, without secrets.

    Ours, as each request has a line, and libraries take longer for it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "timestamp": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in record.__dict__.items():
            if name not in _EVERY_RECORDS:
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return without_secrets(_as_json(line))


class Text(logging.Formatter):
    """For people at a terminal: the ids stand behind the message. Only a traceback takes further lines."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or lines."""
        ids = " ".join(f"{name}={record.__dict__[name]}" for name in _SHOWN if name in record.__dict__)
        said = f"{record.getMessage()} {ids}".rstrip().translate(CONTROL)
        line = f"{_time(record)} {record.levelname} {record.name}: {said}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return without_secrets(line)


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # whatever a value does, its line is worth more
        return f"<{type(value).__name__}>"


_EVERY_RECORDS = frozenset({*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"})
"""What the library itself puts into a record."""
_as_json = json.JSONEncoder(default=_as_text, skipkeys=True).encode
_SHOWN = ("ms", "received", "sent", "code", "request_id", "user_id", "image_id", "trace_id")


def _time(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def without_secrets(line: str) -> str:
    """The line, in which whatever looks like a credential is replaced; a last net, as nothing logs one on purpose."""
    lower = line.lower()
    for hint in HINTS:  # not `any`, whose generator takes longer than the looking
        if hint in lower:
            break
    else:
        return line
    return SECRET.sub(lambda found: f"{found['header'] or found['name'] or ''}[hidden]", line)
