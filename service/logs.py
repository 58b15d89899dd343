"""Where the log goes and what its lines carry, for every way to run.

As JSON a line has `timestamp` (RFC 3339, UTC), `level`, `logger`, `message`, the ids of what it is about (`request_id`,
`user_id`, `image_id`, and `trace_id` where traces are collected) and, of some, further fields; `exception` holds a
traceback.
"""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from pythonjsonlogger.json import JsonFormatter

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


@contextmanager
def about(**ids: str) -> Iterator[dict[str, str]]:
    """Lines that are logged within carry these ids, and those of what is around."""
    known = {**_ids.get({}), **ids}
    token = _ids.set(known)
    try:
        yield known
    finally:
        _ids.reset(token)


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
    # They tell at each start where the credentials came from, and every retry; as DEBUG, requests with all they carry.
    for name in ("aiobotocore", "botocore"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(settings.log_level)))


def _with_ids(record: logging.LogRecord) -> bool:
    for name, value in _ids.get({}).items():
        if name not in record.__dict__:
            setattr(record, name, value)
    return True


class Json(JsonFormatter):
    """One JSON object a line, without secrets."""

    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "timestamp", "levelname": "level", "name": "logger", "exc_info": "exception"},
            json_ensure_ascii=True,
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (logging's name)
        """RFC 3339, UTC, milliseconds."""
        return _time(record)

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return without_secrets(super().format(record))


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


_SHOWN = ("ms", "received", "sent", "code", "request_id", "user_id", "image_id", "trace_id")


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def without_secrets(line: str) -> str:
    """The line, in which whatever looks like a credential is replaced; a last net, as nothing logs one on purpose."""
    lower = line.lower()
    if not any(hint in lower for hint in HINTS):
        return line
    return SECRET.sub(lambda found: f"{found['header'] or found['name'] or ''}[hidden]", line)
