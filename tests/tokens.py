"""Tokens that must not let anyone in: from a readable name to the `code` and the token."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization

from tests.issuer import Issuer, Key, b64

LEEWAY_SECONDS = 30


@dataclass
class Forgery:
    """What an attacker has besides the issuer's public keys; `known` are other keys that the issuer publishes."""

    issuer: Issuer
    other: Issuer
    own: Key = field(default_factory=lambda: Key("1"))
    known: dict[str, Key] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known = {
            "elliptic": Key("elliptic", "ES256"),
            "encryption": Key("encryption", use="enc"),
            "wrapping": Key("wrapping", key_ops=["wrapKey"]),
            "other_algorithm": Key("other_algorithm", alg="PS512"),
            "weak": Key("weak", bits=1024),
        }
        shared = {"kty": "oct", "kid": "shared", "alg": "HS256", "k": b64(b"secret" * 6)}
        broken = [None, 7, "key", {}, {"kty": "RSA", "kid": "broken"}, {"kty": "RSA", "kid": "1x", "n": 1, "e": []}]
        self.issuer.shown = [*broken, shared, *(key.public for key in self.known.values()), self.issuer.key.public]

    def tokens(self, user: str) -> dict[str, tuple[str, str]]:
        """All of them; were one taken, it would be for this user's."""
        issuer, key, now = self.issuer, self.issuer.key, int(time.time())
        header = {"alg": "RS256", "kid": "1", "typ": "JWT"}
        claims = issuer.claims(sub=user)
        good = key.signed(header, claims)
        first, second, third = good.split(".")

        def said(**more: Any) -> str:
            return issuer.token(**{"sub": user, **more})

        def headed(*without: str, by: Key = key, **more: Any) -> str:
            merged = {name: value for name, value in (header | more).items() if name not in without}
            return by.signed(merged, claims)

        expired = {name: ("token_expired", said(exp=exp)) for name, exp in _past(now).items()}
        invalid = {
            "not_yet": said(nbf=now + 600),
            "made_in_the_future": said(iat=now + 600),
            **{f"{name}_missing": said(**{name: None}) for name in ("exp", "iss", "aud", "sub")},
            **{f"exp_{exp}": said(exp=exp) for exp in _no_times()},
            "nbf_odd": said(nbf="soon"),
            **{f"iss_{n}": said(iss=iss) for n, iss in enumerate(_foreign(issuer.url, self.other.url))},
            **{
                f"aud_{n}": said(aud=aud)
                for n, aud in enumerate(("", "image", "imagesx", [], ["other"], 1, {"images": 1}))
            },
            **{f"sub_{n}": said(sub=sub) for n, sub in enumerate(_no_users(user))},
            "of_another_issuer": self.other.token(sub=user),
            "of_another_issuer_in_this_name": self.other.key.signed(header, claims),
            "own_key": self.own.signed(header, claims),
            "own_key_within": headed(by=self.own, jwk=self.own.public),
            "own_key_elsewhere": headed(by=self.own, jku=f"{self.other.url}/keys"),
            "own_certificate_elsewhere": headed(by=self.own, x5u=f"{self.other.url}/keys"),
            "own_certificate": headed(by=self.own, x5c=["MII"]),
            **{f"alg_{alg}": f"{b64(header | {'alg': alg})}.{second}." for alg in ("none", "None", "NONE", "nOnE", "")},
            **{
                f"alg_{alg}_signed": f"{b64(header | {'alg': alg})}.{second}.{third}"
                for alg in ("none", None, 1, ["RS256"])
            },
            **{f"alg_{alg}_of_the_key": headed(alg=alg) for alg in ("RS512", "PS256")},
            "alg_missing": headed("alg"),
            **{f"hmac_{name}": _hmac(header, claims, secret) for name, secret in _public_halves(key).items()},
            "hmac_shared": _hmac(header | {"kid": "shared"}, claims, b"secret" * 6),
            "kid_unknown": headed(kid="2"),
            "kid_missing": headed("kid"),
            **{f"kid_{n}": headed(kid=kid) for n, kid in enumerate((1, None, "", ["1"], {"1": 1}, "../1", "x" * 4000))},
            **{f"key_for_{name}": key.signed(header | {"kid": name}, claims) for name, key in self._not_for_signing()},
            "key_of_another_kind": headed(kid="elliptic"),
            "algorithm_of_another_kind": self.known["elliptic"].signed(header | {"kid": "elliptic"}, claims),
            **{f"crit_{n}": headed(crit=crit) for n, crit in enumerate((["exp"], [], ["b64"], None, "exp"))},
            "detached": f"{b64(header | {'b64': False, 'crit': ['b64']})}..{third}",
            "b64": headed(b64=True),
            "b64_crit": headed(b64=True, crit=["b64"]),
            "signature_missing": f"{first}.{second}.",
            "signature_cut": good[:-4],
            "signature_longer": f"{good}AAAA",
            "signature_of_another": f"{first}.{second}.{said(sub='other').split('.')[2]}",
            "claims_of_another": f"{first}.{b64(issuer.claims(sub='other'))}.{third}",
            "header_of_another": f"{b64(header | {'typ': 'x'})}.{second}.{third}",
            "two_parts": f"{first}.{second}",
            "four_parts": f"{good}.{third}",
            "five_parts": f"{good}.{third}.{third}",
            "no_parts": "rubbish",
            "dots": "..",
            "header_is_a_list": f"{b64('[]')}.{second}.{third}",
            "header_is_no_json": f"{b64('{')}.{second}.{third}",
            "header_is_deep": f"{b64('[' * 5000)}.{second}.{third}",
            "claims_are_a_list": key.signed(header, "[]"),
            "claims_are_no_json": key.signed(header, "{"),
            "claims_are_deep": key.signed(header, "[" * 4000),
            "too_long": said(more="x" * 5500),
        }
        return {**expired, **{name: ("invalid_token", token) for name, token in invalid.items()}}

    def _not_for_signing(self) -> list[tuple[str, Key]]:
        return [(name, key) for name, key in self.known.items() if name != "elliptic"]


def _past(now: int) -> dict[str, Any]:
    return {
        "expired": now - LEEWAY_SECONDS - 1,
        "expired_long_ago": 0,
        "expired_text": str(now - 100),
        "expired_-1": -1,
    }


def _no_times() -> list[Any]:
    return ["never", float("inf"), float("nan"), [], {}, ""]


def _foreign(url: str, other: str) -> list[Any]:
    return [other, f"{url}/", f"{url}x", url.upper(), [url], "", 1, {url: 1}]


def _no_users(user: str) -> list[Any]:
    return ["", " ", 7, [user], {"id": user}, True, f"../{user}", f"{user}\n", f"idempotency#{user}", "x" * 129, "é"]


def _public_halves(key: Key) -> dict[str, bytes]:
    """All that anyone can make of a public key, and could have been taken for a secret."""
    public, formats = key.private.public_key(), serialization.PublicFormat
    pem = public.public_bytes(serialization.Encoding.PEM, formats.SubjectPublicKeyInfo)
    return {
        "pem": pem,
        "pem_stripped": pem.strip(),
        "pkcs1": public.public_bytes(serialization.Encoding.PEM, formats.PKCS1),
        "der": public.public_bytes(serialization.Encoding.DER, formats.SubjectPublicKeyInfo),
        "jwk": json.dumps(key.public).encode(),
        "modulus": str(key.public["n"]).encode(),
        "kid": b"1",
        "nothing": b"",
    }


def _hmac(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    signing = f"{b64(header | {'alg': 'HS256'})}.{b64(claims)}"
    return f"{signing}.{b64(hmac.new(secret, signing.encode(), hashlib.sha256).digest())}"
