"""Our signature of a request is the one that botocore makes."""

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from service.storage.signature import Signer

HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.SendMessageBatch"}
URLS = [
    "https://sqs.eu-central-1.amazonaws.com/",
    "https://sqs.cn-north-1.amazonaws.com.cn:443/",
    "https://sqs.eu-central-1.amazonaws.com:80/",
    "http://localhost:4566/",
    "http://127.0.0.1:80/",
    "http://[::1]:9324/",
    "https://Proxy.Example.com:8443/some/pa~th/",
    "http://localhost:4566",
]


def of_botocore(url: str, body: bytes, credentials: ReadOnlyCredentials, region: str) -> tuple[datetime, str]:
    """When botocore signs, and what it then sends as `Authorization`."""
    request = AWSRequest("POST", url, data=body, headers=dict(HEADERS))
    SigV4Auth(credentials, "sqs", region).add_auth(request)
    moment = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return moment, request.headers["Authorization"]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("token", [None, "a+token/of=a role"], ids=["user", "role"])
def test_every_endpoint(url: str, token: str | None) -> None:
    """Whatever the host and the port, with a token and without."""
    credentials = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    moment, authorization = of_botocore(url, b"{}", credentials, "eu-central-1")
    headers = Signer(url, "sqs", "eu-central-1").signed(HEADERS, b"{}", credentials, moment)
    assert headers["authorization"] == authorization
    assert headers.get("x-amz-security-token") == token


@given(
    body=st.binary(max_size=300),
    secret=st.text(min_size=1),
    region=st.from_regex("[a-z]{2}-[a-z]+-[1-9]", fullmatch=True),
)
def test_every_body(body: bytes, secret: str, region: str) -> None:
    """Whatever is sent, by whom and where."""
    credentials = ReadOnlyCredentials("AKIDEXAMPLE", secret, None)
    moment, authorization = of_botocore(URLS[0], body, credentials, region)
    headers = Signer(URLS[0], "sqs", region).signed(HEADERS, body, credentials, moment)
    assert headers["authorization"] == authorization
