"""How users are told apart: is what the AUTH_MODE needs there?"""

from service.errors import SettingsError, Unavailable
from service.findings import Examination, wrong
from service.http.auth import make_authenticator
from service.http.server import refuse_blind_trust
from service.settings import Settings

USERS = "users"
MENDS = {
    "header": "set HOST=127.0.0.1, or TRUST_USER_HEADER=1 behind a gateway that sets X-User-Id, or another AUTH_MODE",
    "api-key": "make a key (run: cloud-images api-key create USER --file keys.txt) and set API_KEYS_FILE=keys.txt",
    "jwt": "set JWT_ISSUER and JWT_AUDIENCE, and JWT_JWKS_URL when the issuer's configuration does not name its keys",
}


async def check_users(examination: Examination, settings: Settings) -> None:
    """The settings of this mode, and whether the issuer of tokens answers."""

    async def look() -> str:
        try:
            refuse_blind_trust(settings)
            await make_authenticator(settings).close()
        except SettingsError as error:
            # Its first sentence is what is wrong, the rest how to mend it.
            wrong(str(error).partition(". ")[0], MENDS[settings.auth_mode])
        except OSError as error:
            wrong(f"{error.filename}: {error.strerror}", MENDS[settings.auth_mode])
        return f"AUTH_MODE={settings.auth_mode}"

    await examination.check(USERS, look)
    if settings.auth_mode == "jwt":
        await examination.check("issuer", lambda: _issuer(settings), USERS, seconds=8.0, late="see JWT_ISSUER")


async def _issuer(settings: Settings) -> str:
    # Not at the top: the other modes need no cryptography.
    from service.http.auth.issuer import IssuerKeys

    keys = IssuerKeys(settings, settings.jwt_algorithms.split(","))
    try:
        await keys.find("", "")
    except Unavailable:
        where = settings.jwt_jwks_url or f"{settings.jwt_issuer.rstrip('/')}/.well-known/openid-configuration"
        wrong(
            f"the keys of {settings.jwt_issuer} cannot be had (--debug says why)",
            f"see that {where} answers from here (run: curl -i {where}), and mend JWT_ISSUER or JWT_JWKS_URL",
        )
    finally:
        await keys.close()
    return f"{settings.jwt_issuer} gives its keys"
