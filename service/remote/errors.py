"""What can go wrong for who uses the service from outside. All are `ImagesError`; its text is fit to be shown."""


class ImagesError(Exception):
    """Base of all errors of the client."""


class Unreachable(ImagesError):
    """No answer came: no connection, a time-out, or a connection that broke. The cause is `__cause__`."""


class Damaged(ImagesError):
    """What was downloaded is not what the service has recorded."""


class Problem(ImagesError):
    """The service said no (RFC 9457).

    :param code: what happened, for programs; `http_<status>` when it was not the service that answered.
    :param retry_after: in how many seconds to ask again, if the answer said so.
    :param image_id: the image that keeps the reason, if there is one.
    """

    def __init__(
        self, status: int, code: str, detail: str, *, retry_after: float | None = None, image_id: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after = retry_after
        self.image_id = image_id


class Refused(Problem):
    """400: the upload, a parameter or the body is not one that the service takes."""


class Unauthenticated(Problem):
    """401: it is not clear who is asking."""


class Forbidden(Problem):
    """403: it is clear, and not allowed."""


class NotFound(Problem):
    """404: there is no such image of this user."""


class Conflict(Problem):
    """409: the image is not ready or was deleted, or the idempotency key stands for another upload."""


class VersionMismatch(Problem):
    """412: the image has changed since the version that was named."""


class TooLarge(Problem):
    """413: something before the service takes no body of this size."""


class TooManyRequests(Problem):
    """429: asked too often (then `retry_after` is set), or the quota is used up (`quota_exceeded`)."""


class Unavailable(Problem):
    """502, 503, 504: the service cannot take this now; it kept nothing."""


KINDS: dict[int, type[Problem]] = {
    400: Refused,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: VersionMismatch,
    413: TooLarge,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
