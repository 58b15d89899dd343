"""`AUTH_MODE=jwt`: tokens of an issuer (RFC 7519), checked as RFC 8725 wants it."""

import logging
from typing import Any

import jwt
from aiohttp import web

from service.errors import SettingsError, Unauthenticated
from service.http.auth.credentials import Authenticator, bearer_challenge, credential
from service.http.auth.issuer import IssuerKeys
from service.images import USER_ID
from service.settings import Settings
from service.settings.values import secure_url

log = logging.getLogger(__name__)

LONGEST_TOKEN = 7000
"""Characters. A header of more than 8190 is not taken from anybody."""


class Tokens(Authenticator):
    """Takes `Authorization: Bearer TOKEN`; a claim of it names the user.

    What the token itself says of keys (`jku`, `x5u`, `jwk`) means nothing; its `kid` only chooses among the issuer's.
    """

    def __init__(self, settings: Settings) -> None:
        missing = [name for name in ("JWT_ISSUER", "JWT_AUDIENCE") if not getattr(settings, name.lower())]
        if missing:
            raise SettingsError(
                f"AUTH_MODE=jwt needs {' and '.join(missing)}: whose tokens to take, and for which audience."
            )
        if not settings.jwt_jwks_url:
            try:
                secure_url(settings.jwt_issuer)
            except ValueError:
                raise SettingsError(
                    "JWT_ISSUER is no https URL that would tell where its keys are: give JWT_JWKS_URL too."
                ) from None
        self._algorithms = settings.jwt_algorithms.split(",")
        self._issuer, self._audience = settings.jwt_issuer, settings.jwt_audience.split(",")
        self._leeway, self._claim = settings.jwt_leeway_seconds, settings.user_claim
        self._keys = IssuerKeys(settings, self._algorithms)

    async def user_of(self, request: web.Request) -> str:
        """Whom the token names, once all of it is found good."""
        token = credential(request)
        try:
            kid, algorithm = self._header(token)
            if (key := await self._keys.find(kid, algorithm)) is None:
                raise jwt.InvalidKeyError("the issuer has no such key")
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "iss", "aud", self._claim]},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("token_expired", "The token has expired.") from None
        except jwt.PyJWTError as error:
            log.debug("a token is refused: %s", error)
            raise _refused("invalid_token", "This is no token that is valid here and at this time.") from None
        user_id: Any = claims[self._claim]
        if not isinstance(user_id, str) or not USER_ID.fullmatch(user_id):
            raise _refused("invalid_token", f"The token's claim {self._claim!r} is no user id of this service.")
        return user_id

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._keys.close()

    def _header(self, token: str) -> tuple[str, str]:
        """`kid` and algorithm.

        :raises jwt.PyJWTError: the token is none that could be valid here, whatever its signature.
        """
        if len(token) > LONGEST_TOKEN:
            raise jwt.InvalidTokenError("too long")
        header = jwt.get_unverified_header(token)
        kid, algorithm = header.get("kid"), header.get("alg")
        # Extensions that must be understood (RFC 7515, section 4.1.11) are not, whichever they are.
        if not isinstance(kid, str) or algorithm not in self._algorithms or {"crit", "b64"} & header.keys():
            raise jwt.InvalidTokenError("its header")
        return kid, str(algorithm)


def _refused(code: str, detail: str) -> Unauthenticated:
    return Unauthenticated(code, detail, challenge=bearer_challenge("invalid_token"))
