"""What can go wrong, in the service's own words.

Each error has a stable `code` for programs and a `detail` for people. `service.http.problems` is the only place that
turns them into HTTP; `service.storage.aws` the only one that turns AWS's errors into them.
"""


class ServiceError(Exception):
    """Base of all errors that are meant for the caller."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Refused(ServiceError):
    """The upload is not one that this service takes; nothing of it is kept."""


class InvalidRequest(ServiceError):
    """A parameter, header or body of a request that is not an upload makes no sense."""


class Unauthenticated(ServiceError):
    """The request does not say, or not credibly, who is asking.

    :param challenge: what it can be answered with (RFC 9110, section 11.6.1).
    """

    def __init__(self, code: str, detail: str, *, challenge: str) -> None:
        super().__init__(code, detail)
        self.challenge = challenge


class Forbidden(ServiceError):
    """It is clear who is asking, but a web page made their browser ask, and must not."""


class NotFound(ServiceError):
    """There is no such thing, or it belongs to another user (which must look the same)."""


class Conflict(ServiceError):
    """The request contradicts the state of the image or an earlier request."""


class PreconditionFailed(ServiceError):
    """`If-Match` named another version than the current one."""


class RangeNotSatisfiable(ServiceError):
    """The `Range` asked for lies outside the bytes there are."""

    def __init__(self, size: int) -> None:
        super().__init__("range_not_satisfiable", f"The range lies outside the {size} bytes of this image.")
        self.size = size


class TooManyRequests(ServiceError):
    """The user has used up what there is for him; `retry_after` says in how many seconds there is more, if known."""

    def __init__(self, code: str, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after


class Unavailable(ServiceError):
    """The service or a part of AWS cannot take this now; the same request may succeed later."""

    def __init__(self, code: str, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after


class SettingsError(Exception):
    """A setting in the environment has a value that cannot be used; the text names the variable."""
