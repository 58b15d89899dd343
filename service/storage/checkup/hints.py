"""What AWS's errors mean for whoever set it up, and how to mend each.

Codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from service.errors import ServiceError
from service.findings import State, Trouble
from service.storage.aws import AWAY, error_code

log = logging.getLogger(__name__)

REASON_CHARACTERS = 200
CODE = re.compile(r"<Code>([A-Za-z0-9]+)</Code>")
MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
PROVISION = "run: cloud-images provision"
CLOCK = "set the clock of this machine (run: timedatectl set-ntp true; in a container the host's clock counts)"
KEY = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a pair that `aws sts get-caller-identity` accepts"

HINTS: list[tuple[tuple[str, ...], str, str]] = [
    (
        ("InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"),
        "AWS does not know this access key",
        f"{KEY}; or AWS_ENDPOINT leads to another AWS than the one that the key is of",
    ),
    (
        ("SignatureDoesNotMatch", "InvalidSignatureException"),
        "the secret key does not fit the access key",
        f"{KEY}; a secret that was pasted often lacks its end",
    ),
    (
        ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"),
        "the credentials have expired",
        "log in again (run: aws sso login), or give new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
    ),
    (("RequestTimeTooSkewed", "RequestExpired"), "the clocks are too far apart for signatures", CLOCK),
    (
        ("NotFound", "NotFoundException"),
        "there is no such topic",
        "make one (run: aws sns create-topic --name NAME), or correct IMAGE_TOPIC_ARN",
    ),
    (("NoSuchBucket",), "there is no such bucket", PROVISION),
    (
        ("QueueDoesNotExist", "NonExistentQueue"),
        "there is no such queue",
        f"{PROVISION} (or name another in IMAGE_QUEUE or IMAGE_DEAD_LETTER_QUEUE)",
    ),
    (("ResourceNotFoundException",), "there is no such table", f"{PROVISION} (or name another in IMAGES_TABLE)"),
    (
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"),
        "it is in another region",
        "set AWS_DEFAULT_REGION to the bucket's; null is us-east-1 (run: aws s3api get-bucket-location --bucket NAME)",
    ),
]
DENIED = {
    "AccessDenied",
    "AuthorizationError",
    "AuthorizationErrorException",
    "AccessDeniedException",
    "403",
    "AllAccessDisabled",
    "UnauthorizedAccess",
}


@contextmanager
def explaining(action: str, resource: str, *, missing: State = State.WRONG, whose: str = "") -> Iterator[None]:
    """Turn AWS's errors into `Trouble`.

    :param action: what IAM calls what is done here, as in `s3:PutObject`.
    :param resource: on what, as in `arn:aws:s3:::image-bucket/*`.
    :param missing: what it means when that is not allowed.
    :param whose: of whom it is needed, when not of all.
    """
    try:
        yield
    except ServiceError as error:
        raise explained(error.__cause__ or error, action, resource, missing, whose) from None
    except AWAY as error:
        if isinstance(error, TimeoutError):
            raise
        raise explained(error, action, resource, missing, whose) from None


def explained(
    error: BaseException, action: str, resource: str, missing: State = State.WRONG, whose: str = ""
) -> Trouble:
    """What this error of AWS's means."""
    code, said = code_of(error), _said(error)
    log.debug("%s on %s: %s", action, resource, error)
    if "not yet current" in said or "Signature expired" in said:
        return Trouble(State.WRONG, "the clocks are too far apart for signatures", CLOCK)
    for codes, seen, mend in HINTS:
        if any(code == one or code.endswith(f".{one}") for one in codes):
            of = f": {resource}" if mend.startswith(PROVISION) else f" ({code})"
            return Trouble(State.WRONG, seen + of, mend)
    if code in DENIED:
        mend = (
            f"allow {action} on {resource} in the IAM policy of these credentials{whose and f', if they are {whose}'}"
        )
        return Trouble(missing, f"these credentials may not {action}", mend)
    if isinstance(error, BotoCoreError) and "credentials" in str(error).lower():
        return Trouble(State.WRONG, str(error), KEY)
    mend = "run again with --debug for the whole answer; what AWS itself cannot do passes, the rest is its settings"
    return Trouble(State.WRONG, f"{action} fails: {code or type(error).__name__}: {said[:REASON_CHARACTERS]}", mend)


def code_of(error: BaseException) -> str:
    """AWS's code of an error of botocore's, or of obstore's; empty when it is not AWS's answer."""
    if isinstance(error, ClientError):
        return error_code(error)
    found = CODE.search(str(error))
    return found[1] if found else ""


def _said(error: BaseException) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Message", ""))
    found = MESSAGE.search(str(error))
    return found[1] if found else " ".join(str(error).partition("Debug source:")[0].split())
