"""Whose certificates count for SQS: those that the user has named to botocore."""

from pathlib import Path

import pytest
from aiobotocore.session import AioSession
from botocore.httpsession import get_cert_path

from service.storage.aws import certificates

END = "-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"])
def test_the_bundle_that_is_named(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no other; without one there are many."""
    all_of_them = Path(str(get_cert_path(True))).read_text()
    assert len(certificates().get_ca_certs()) > 1
    own = tmp_path / "own.pem"
    own.write_text(all_of_them.partition(END)[0] + END)
    monkeypatch.setattr("service.storage.aws._core", AioSession)
    monkeypatch.setenv(variable, str(own))
    assert len(certificates().get_ca_certs()) == 1
