"""Which credentials there are, by which way they were found, and for how long they hold. They are never shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

from service.errors import SettingsError, Unavailable
from service.findings import Examination, warn, wrong
from service.settings import Settings
from service.storage.aws import credentials

NAME = "credentials"
FOUND_SECONDS = 8.0
"""A machine without credentials asks for a role at an address that may not answer."""
SHORT = timedelta(minutes=5)
WAYS = {
    "env": "the environment (AWS_ACCESS_KEY_ID)",
    "shared-credentials-file": "the file of credentials (AWS_PROFILE)",
    "config-file": "the configuration file (AWS_PROFILE)",
    "assume-role": "a role that a profile assumes",
    "assume-role-with-web-identity": "a role by web identity (AWS_ROLE_ARN)",
    "sso": "AWS SSO",
    "container-role": "the container's role",
    "iam-role": "the instance's role",
}
"""botocore's names for them: https://botocore.amazonaws.com/v1/documentation/api/latest/reference/credentials.html"""


async def check_credentials(examination: Examination, settings: Settings) -> None:
    """Whether there are any, and for how long."""

    async def look() -> str:
        try:
            found = await credentials()
            frozen = await found.get_frozen_credentials()
        except SettingsError as error:
            wrong(
                str(error),
                "name a profile of ~/.aws/config in AWS_PROFILE, or unset it (run: aws configure list-profiles)",
            )
        except Unavailable:
            wrong(
                "there are none",
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role",
            )
        except Exception as error:  # what a role's server, a profile's command or SSO may raise is anybody's
            wrong(f"they cannot be had: {error}", "set both keys, or see AWS_PROFILE, or the role of this machine")
        return _lasting(found, frozen, settings)

    await examination.check(
        NAME, look, seconds=FOUND_SECONDS, late="set AWS_EC2_METADATA_DISABLED=true if this machine has no role"
    )


def _lasting(found: Any, frozen: Any, settings: Settings) -> str:
    seen = f"from {WAYS.get(found.method, found.method)}"
    expires_at: datetime | None = getattr(found, "_expiry_time", None)
    if expires_at is None and frozen.token:
        return f"{seen}, temporary; nothing says until when"
    if expires_at is None:
        return f"{seen}; they do not expire"
    left = expires_at - datetime.now(UTC)
    until = f"{seen}, until {expires_at:%Y-%m-%d %H:%M:%S} UTC"
    if left < SHORT:
        wrong(
            f"{until}: {left.total_seconds():.0f} seconds",
            "log in again (run: aws sso login), or renew the role's session",
        )
    if left.total_seconds() < settings.presign_seconds:
        warn(f"{until}: presigned URLs end with them", "set PRESIGN_SECONDS to less than a session lasts")
    return until
