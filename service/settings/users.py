"""Who is asking, and how much one user may do and keep."""

from dataclasses import dataclass

from service.settings import values
from service.settings.setting import setting


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class Users:
    """`AUTH_MODE` with what belongs to each mode, and the limits of a user."""

    auth_mode: str = setting(
        "AUTH_MODE",
        "header",
        values.one_of("header", "api-key", "jwt"),
        "how users are told apart: by `X-User-Id`, by API keys, or by tokens of an issuer",
    )
    trust_user_header: bool = setting(
        "TRUST_USER_HEADER",
        False,
        values.flag,
        "1: trust `X-User-Id` on a public address too, behind a gateway that sets it",
    )
    user_claim: str = setting(
        "USER_CLAIM",
        "sub",
        values.text,
        "which claim is the user's id: of a token, or, on Lambda, of the gateway's authorizer",
    )

    api_keys: str = setting(
        "API_KEYS", "", values.text, "for `api-key`: lines of `cloud-images api-key create`, with commas between"
    )
    api_keys_file: str | None = setting(
        "API_KEYS_FILE", None, values.text, "for `api-key`: file of such lines, which is read again when it changes"
    )

    jwt_issuer: str = setting("JWT_ISSUER", "", values.text, "for `jwt`: the issuer (`iss`) of the tokens")
    jwt_audience: str = setting(
        "JWT_AUDIENCE", "", values.text, "for `jwt`: audiences (`aud`), with commas between, of which a token names one"
    )
    jwt_jwks_url: str = setting(
        "JWT_JWKS_URL",
        "",
        values.secure_url,
        "for `jwt`: where the issuer's keys are; else its `/.well-known/openid-configuration` says so",
    )
    jwt_algorithms: str = setting(
        "JWT_ALGORITHMS", "RS256,ES256", values.algorithms, "for `jwt`: what a token may be signed with"
    )
    jwt_leeway_seconds: float = setting(
        "JWT_LEEWAY_SECONDS", 30.0, values.between(0, 300, float), "for `jwt`: how far clocks may be apart"
    )
    jwt_keys_seconds: float = setting(
        "JWT_KEYS_SECONDS",
        600.0,
        values.between(1, 86_400, float),
        "for `jwt`: how long the issuer's keys are used before they are fetched again",
    )
    jwt_keys_stale_seconds: float = setting(
        "JWT_KEYS_STALE_SECONDS",
        21_600.0,
        values.between(1, 604_800, float),
        "for `jwt`: how long they are used at most, while the issuer does not answer",
    )

    rate_limit_requests: int | None = setting(
        "RATE_LIMIT_REQUESTS_PER_MINUTE",
        None,
        values.between(1, 1_000_000),
        "most requests of a user at once and a minute, counted in each process; else no limit",
    )
    rate_limit_uploads: int | None = setting(
        "RATE_LIMIT_UPLOADS_PER_MINUTE",
        None,
        values.between(1, 1_000_000),
        "most uploads (`POST`) among them; else no limit",
    )
    quota_images: int | None = setting(
        "QUOTA_IMAGES", None, values.between(1, 10**12), "most images of a user; else no limit"
    )
    quota_bytes: int | None = setting(
        "QUOTA_BYTES", None, values.between(1, 10**18), "most bytes of a user's images as uploaded; else no limit"
    )
