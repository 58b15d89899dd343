"""Signature Version 4 for the POSTs of one AWS service.

<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
botocore's own signer takes five times as long, which each upload would pay for; a test holds the two equal.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
PORTS = {"http": 80, "https": 443}


class Signer:
    """Signs requests to `url`, which has no query."""

    def __init__(self, url: str, service: str, region: str) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        self._host = host if parts.port in (None, PORTS.get(parts.scheme)) else f"{host}:{parts.port}"
        self._path = quote(parts.path, safe="/~") or "/"
        self._service = service
        self._region = region

    def signed(self, headers: dict[str, str], body: bytes, credentials: Any, moment: datetime) -> dict[str, str]:
        """All headers to send: `headers`, whose names are in lower case, and those that make the request valid.

        :param credentials: `access_key`, `secret_key` and `token`, as botocore freezes them.
        :param moment: now, in UTC; the signature holds for five minutes.
        """
        time = moment.strftime("%Y%m%dT%H%M%SZ")
        headers = headers | {"host": self._host, "x-amz-date": time}
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        names = sorted(headers)
        listed = ";".join(names)
        lines = "".join(f"{name}:{headers[name]}\n" for name in names)
        request = f"POST\n{self._path}\n\n{lines}\n{listed}\n{hashlib.sha256(body).hexdigest()}"

        scope = (time[:8], self._region, self._service, "aws4_request")
        place = "/".join(scope)
        key = b"AWS4" + credentials.secret_key.encode()
        for part in scope:
            key = _mac(key, part)
        signature = _mac(key, f"{ALGORITHM}\n{time}\n{place}\n{hashlib.sha256(request.encode()).hexdigest()}").hex()
        headers["authorization"] = (
            f"{ALGORITHM} Credential={credentials.access_key}/{place}, SignedHeaders={listed}, Signature={signature}"
        )
        return headers


def _mac(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode(), "sha256")
