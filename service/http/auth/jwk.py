"""Which public key may verify which algorithm (RFC 7517, RFC 7518): each key only what it was made for."""

from typing import Any

import jwt

MOST_KEYS = 100
LEAST_RSA_BITS = 2048
"""RFC 7518, section 3.3."""

RSA, P256, P384, P521 = ("RSA", None), ("EC", "P-256"), ("EC", "P-384"), ("EC", "P-521")
KINDS = {
    **{f"{family}{bits}": RSA for family in ("RS", "PS") for bits in (256, 384, 512)},
    **{"ES256": P256, "ES384": P384, "ES512": P521, "EdDSA": ("OKP", "Ed25519")},
}
"""The type and curve of key for each algorithm; none of them has a secret that this service would share."""
PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}

Keys = dict[tuple[str, str], jwt.PyJWK]
"""By `kid` and algorithm."""


def usable_keys(document: Any, algorithms: list[str]) -> Keys:
    """Those keys of a JWK set that can verify one of these algorithms; what else is in it means nothing.

    :raises ValueError: it is no JWK set, or has no such key.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is no JWK set")
    keys: Keys = {}
    for one in listed[:MOST_KEYS]:
        if isinstance(one, dict) and isinstance(kid := one.get("kid"), str):
            for algorithm in algorithms:
                if (key := _key(one, algorithm)) is not None:
                    keys.setdefault((kid, algorithm), key)
    if not keys:
        raise ValueError(f"it has no key for {', '.join(algorithms)}")
    return keys


def _key(one: dict[str, Any], algorithm: str) -> jwt.PyJWK | None:
    kind, curve = KINDS[algorithm]
    if one.get("kty") != kind or (curve and one.get("crv") != curve):
        return None
    if one.get("alg", algorithm) != algorithm or one.get("use", "sig") != "sig":
        return None
    operations = one.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        key = jwt.PyJWK({"kty": kind, **{name: one[name] for name in PUBLIC[kind]}}, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None
    return None if kind == "RSA" and key.key.key_size < LEAST_RSA_BITS else key
