"""The ways in which a call to AWS can go wrong, each a function from an exchange to the answer it gets.

Codes and shapes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from tests.faults.exchange import Exchange

Fault = Callable[[Exchange], Awaitable[web.StreamResponse]]

FIRST_BYTES = 1000
"""How much of a request arrives before the connection breaks in it."""
TRAP = "/trap"
"""Where redirects lead to; nobody must go there."""
DATE_FAR_OFF = "Thu, 01 Jan 2015 00:00:00 GMT"


# Before the call has happened


async def reset(exchange: Exchange) -> web.StreamResponse:
    """The connection breaks while the request is being read."""
    await exchange.read(FIRST_BYTES)
    return exchange.abort()


async def hang(exchange: Exchange) -> web.StreamResponse:
    """It is taken, and nothing is ever answered."""
    await exchange.read()
    await exchange.end()
    return exchange.abort()


def says(status: int, body: bytes, content_type: str = "text/html", **headers: str) -> Fault:
    """This instead of an answer."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        await exchange.read()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return web.Response(status=status, body=body, content_type=content_type, headers=named)

    return fault


def redirects(status: int) -> Fault:
    """A redirect to where nobody must go, with what it was about."""

    async def fault(exchange: Exchange) -> web.StreamResponse:
        await exchange.read()
        return web.Response(status=status, headers={"Location": f"{TRAP}?{'&'.join(exchange.call.users)}"})

    return fault


def refuses(status: int, s3: str, sqs: str, dynamodb: str, message: str = "A test wants it so.") -> Fault:
    """An error with a code for each of the parts, in its own notation; SNS, as XML, has those of SQS."""
    codes = {"s3": s3, "sqs": f"com.amazonaws.sqs#{sqs}", "dynamodb": f"com.amazonaws.dynamodb.v20120810#{dynamodb}"}

    async def fault(exchange: Exchange) -> web.StreamResponse:
        await exchange.read()
        headers = {"Date": DATE_FAR_OFF}
        if exchange.call.part == "sns":
            xml = f"<ErrorResponse><Error><Code>{sqs}</Code><Message>{message}</Message></Error></ErrorResponse>"
            return web.Response(status=status, text=xml, content_type="text/xml", headers=headers)
        code = codes[exchange.call.part]
        if exchange.call.part != "s3":
            said = json.dumps({"__type": code, "message": message}).encode()
            return web.Response(status=status, body=said, content_type="application/x-amz-json-1.0", headers=headers)
        xml = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
        return web.Response(status=status, body=xml.encode(), content_type="application/xml", headers=headers)

    return fault


# After the call has happened


async def lost(exchange: Exchange) -> web.StreamResponse:
    """The connection breaks instead of an answer."""
    await exchange.forward()
    return exchange.abort()


async def late(exchange: Exchange) -> web.StreamResponse:
    """The answer comes when nobody waits for it any more."""
    answer = await exchange.forward()
    await exchange.end()
    return answer


async def half(exchange: Exchange) -> web.StreamResponse:
    """The connection breaks in the middle of the answer."""
    answer = await exchange.forward()
    content = exchange.content_of(answer)
    answer.headers["Content-Length"] = str(max(len(content), 1))
    begun = web.StreamResponse(status=answer.status, headers=answer.headers)
    await begun.prepare(exchange.request)
    await begun.write(content[: len(content) // 2])
    return exchange.abort(begun)


async def truncated(exchange: Exchange) -> web.StreamResponse:
    """Half of the answer, framed as if that were all."""
    answer = await exchange.forward()
    content = exchange.content_of(answer)
    if len(content) < 2 or exchange.request.method == "HEAD":
        return exchange.abort()
    answer.headers["Content-Length"] = str(len(content) // 2)
    answer.body = content[: len(content) // 2]
    return answer


async def failed(exchange: Exchange) -> web.StreamResponse:
    """200, and in it that no entry was taken; where there are no entries, 500."""
    ids = exchange.entries()
    if ids is None:
        return await MECHANISMS["internal_error"](exchange)
    if exchange.call.part == "s3":
        errors = "".join(f"<Error><Key>{key}</Key><Code>InternalError</Code></Error>" for key in ids)
        return web.Response(text=f"<DeleteResult>{errors}</DeleteResult>", content_type="application/xml")
    entries = [{"Id": one, "SenderFault": False, "Code": "InternalError", "Message": "No."} for one in ids]
    return web.json_response({"Failed": entries}, content_type="application/x-amz-json-1.0")


HTML = b"<html><body><h1>Please log in</h1></body></html>"
MECHANISMS: dict[str, Fault] = {
    "reset": reset,
    "hang": hang,
    "lost": lost,
    "late": late,
    "half": half,
    "truncated": truncated,
    "failed": failed,
    "internal_error": refuses(500, "InternalError", "InternalFailure", "InternalServerError"),
    "bad_gateway": says(502, HTML),
    "denied": refuses(403, "AccessDenied", "AccessDeniedException", "AccessDeniedException"),
    "nothing": says(200, b""),
    "null": says(200, b"null", "application/x-amz-json-1.0"),
    "log_in": says(200, HTML),
    "redirect": redirects(307),
}
"""What is tried with each call there is."""

CODES: dict[str, Fault] = {
    "slow_down": refuses(503, "SlowDown", "ServiceUnavailable", "ServiceUnavailable"),
    "throttling": refuses(400, "ThrottlingException", "ThrottlingException", "ThrottlingException"),
    "throughput": refuses(400, "RequestTimeout", "RequestThrottled", "ProvisionedThroughputExceededException"),
    "request_limit": refuses(400, "RequestTimeout", "OverLimit", "RequestLimitExceeded"),
    "transaction_conflict": refuses(400, "OperationAborted", "RequestThrottled", "TransactionConflictException"),
    "transaction_in_progress": refuses(400, "OperationAborted", "OverLimit", "TransactionInProgressException"),
    "skewed": refuses(
        403,
        "RequestTimeTooSkewed",
        "InvalidSignatureException",
        "InvalidSignatureException",
        "Signature not yet current: 20260101T000000Z is still later than 20150101T000500Z",
    ),
    "expired_token": refuses(400, "ExpiredToken", "ExpiredTokenException", "ExpiredTokenException"),
    "bad_signature": refuses(403, "SignatureDoesNotMatch", "InvalidSignatureException", "InvalidSignatureException"),
    "unknown_key": refuses(403, "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"),
    "gone": refuses(404, "NoSuchBucket", "QueueDoesNotExist", "ResourceNotFoundException"),
    "not_found": says(404, HTML),
    "null_error": says(400, b"null", "application/x-amz-json-1.0"),
    "moved": redirects(301),
    "teapot": says(418, b"I am a teapot", "text/plain"),
}
"""What a part may say, tried with one call of each kind of client."""


async def stale(exchange: Exchange) -> web.StreamResponse:
    """SQS says that all entries were taken, and has done nothing: so it treats receipt handles that are stale."""
    entries = [{"Id": one} for one in exchange.entries() or ()]
    return web.json_response({"Successful": entries}, content_type="application/x-amz-json-1.0")


KINDS = MECHANISMS | CODES
ENDLESS = {"hang", "late"}
"""Those that end only with the caller's own time limit."""
