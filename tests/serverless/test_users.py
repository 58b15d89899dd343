"""Who is asking: whom an authorizer names, and nobody else because a client says so."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from service.settings import Settings
from service.storage import Storage
from tests.api.records import record, settle
from tests.driver import Answer
from tests.functions import SERVICE, Function, function
from tests.serverless.events import Asked, Pairs, function_url, http_api, rest_api
from tests.serverless.senders import FUNCTION_URL, HTTP_API, KINDS, MULTI_VALUE, REST_API, Caller, Kind, received


@pytest.fixture(scope="module")
async def strict(settings: Settings) -> AsyncIterator[Function]:
    """A container that trusts nobody but authorizers, as is the default."""
    async with function(SERVICE, replace(settings, trust_user_header=False)) as made:
        yield made


@pytest.fixture(scope="module")
async def by_email(settings: Settings) -> AsyncIterator[Function]:
    """A container that takes another claim for the user."""
    async with function(SERVICE, replace(settings, user_claim="email", trust_user_header=True)) as made:
        yield made


@pytest.fixture
async def image(storage: Storage, user: str) -> str:
    """The path of an image of the user, whom others want to be."""
    (image_id,) = await settle(storage, record(user))
    return f"/v1/images/{image_id}"


async def asked(container: Function, event: Any) -> Answer:
    """The answer to an event."""
    return received(event, await container.invoke(event))


def _named(user: str) -> list[tuple[Any, dict[str, Any]]]:
    """Authorizers as they stand in events, with the builders of these; each names the user."""
    return [
        (http_api, {"jwt": {"claims": {"sub": user, "iss": "https://issuer.example"}, "scopes": ["read"]}}),
        (http_api, {"jwt": {"claims": {"sub": user, "groups": "[a b]"}, "scopes": None}}),
        (http_api, {"lambda": {"sub": user, "plan": "free", "quota": 5}}),
        (http_api, {"iam": {"accessKey": "ARIA", "cognitoIdentity": {"amr": ["foo"]}, "userId": user}}),
        (function_url, {"iam": {"accessKey": "AKIA", "callerId": "AIDA", "userId": user}}),
        (rest_api, {"claims": {"sub": user, "cognito:username": "other", "email": "other"}}),
        (rest_api, {"principalId": user, "integrationLatency": 451}),
        (rest_api, {"principalId": "other", "sub": user}),
        # Names that are an authorizer's own to choose, though those of HTTP APIs mean something.
        (rest_api, {"principalId": user, "jwt": "eyJ", "lambda": "x", "iam": "y"}),
    ]


@pytest.mark.parametrize("number", range(len(_named(""))))
async def test_an_authorizer_names_the_user(
    number: int, strict: Function, container: Function, user: str, image: str
) -> None:
    """And wins over what a client says, also where that would be trusted."""
    make, authorizer = _named(user)[number]
    _, others = _named("somebody")[number]
    for each in (strict, container):
        for headers in ((), (("X-User-Id", "somebody"),)):
            answer = await asked(each, make(Asked("GET", image, headers=headers), authorizer=authorizer))
            assert answer.status == 200, answer
        forged = make(Asked("GET", image, headers=(("X-User-Id", user),)), authorizer=others)
        assert (await asked(each, forged)).code == "image_not_found"


JWTS: list[Any] = [None, {}, {"claims": None}, {"claims": {}}, {"claims": {"email": "x"}}]
SUBS: list[Any] = [None, "", 0, [], {}]
NOBODY: list[tuple[Any, Any]] = [
    *((http_api, {"jwt": jwt}) for jwt in JWTS),
    *((http_api, {"jwt": {"claims": {"sub": sub}}}) for sub in SUBS),
    *((http_api, {"lambda": given}) for given in (None, {}, {"sub": None}, {"sub": ""})),
    *((http_api, {"iam": given}) for given in (None, {}, {"userId": None}, {"userId": ""})),
    (http_api, {"jwt": {"claims": None, "scopes": None}, "iam": {"userId": "", "cognitoIdentity": {"amr": None}}}),
    (http_api, {}),
    (function_url, {"iam": {"userId": ""}}),
    *(
        (rest_api, given)
        for given in ({}, {"claims": None, "scopes": None}, {"principalId": None}, {"principalId": ""})
    ),
    (rest_api, {"claims": {"email": "x"}}),
    (rest_api, {"principalId": "x", "sub": None}),
]


@pytest.mark.parametrize(("make", "authorizer"), NOBODY, ids=[f"{m.__name__}-{a}" for m, a in NOBODY])
async def test_an_authorizer_that_names_nobody(
    make: Any, authorizer: Any, strict: Function, container: Function, user: str, image: str
) -> None:
    """401, and no header stands in for it, trusted or not."""
    for each in (strict, container):
        for headers in ((), (("X-User-Id", user),), (("x-user-id", user), ("X-USER-ID", user))):
            answer = await asked(each, make(Asked("GET", image, headers=headers), authorizer=authorizer))
            assert (answer.status, answer.code) == (401, "unauthenticated")


FORGED = ("X-User-Id", "x-user-id", "X-USER-ID", "x-User-iD", "X_User_Id", "X-User-Id ", " X-User-Id")


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_client_says_in_vain_who_it_is(kind: Kind, strict: Function, user: str, image: str) -> None:
    """In any spelling, several times, or hidden in another header."""
    headers: list[Pairs] = [((name, user),) for name in FORGED]
    headers += [(("X-User-Id", user), ("X-User-Id", user)), (("X-User-Id", "x"), ("x-user-id", user))]
    headers += [
        (("X", f"1\r\nX-User-Id: {user}"),),
        (("X: 1\r\nX-User-Id", user),),
        ((f"X-User-Id:{user}", ""),),
        (("X-User-Id:", user),),
        (("X", f"1\nX-User-Id: {user}"),),
    ]
    for given in headers:
        answer = await asked(strict, kind.make(Asked("GET", image, headers=given)))
        assert (answer.status, answer.code) in ((401, "unauthenticated"), (400, "malformed_request")), given
    query = await asked(strict, kind.make(Asked("GET", image, f"X-User-Id={user}&user_id={user}")))
    assert (query.status, query.code) == (401, "unauthenticated")


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_gateway_that_is_trusted_says_who_it_is(kind: Kind, container: Function, user: str, image: str) -> None:
    """Where there is no authorizer; and once only."""
    for name in ("X-User-Id", "x-user-id"):
        answer = await asked(container, kind.make(Asked("GET", image, headers=((name, user),))))
        assert answer.status == 200, answer
    twice = kind.make(Asked("GET", image, headers=(("x-user-id", "somebody"), ("x-user-id", user))))
    if kind in (REST_API, MULTI_VALUE, HTTP_API, FUNCTION_URL):  # the other one hands over the last alone
        assert (await asked(container, twice)).code == "invalid_user_id"


async def test_another_claim(by_email: Function, storage: Storage, user: str) -> None:
    """`USER_CLAIM`; the usual one counts for nothing then."""
    email = f"{user}@example.com"
    (image_id,) = await settle(storage, record(email))
    request = Asked("GET", f"/v1/images/{image_id}")
    for make, authorizer in (
        (http_api, {"jwt": {"claims": {"sub": "x", "email": email}}}),
        (http_api, {"lambda": {"sub": "x", "email": email}}),
        (rest_api, {"claims": {"sub": "x", "email": email}}),
        (rest_api, {"principalId": "x", "email": email}),
    ):
        assert (await asked(by_email, make(request, authorizer=authorizer))).status == 200
    for make, authorizer in (
        (http_api, {"jwt": {"claims": {"sub": email}}}),
        (http_api, {"lambda": {"sub": email}}),
        (rest_api, {"claims": {"sub": email}}),
    ):
        assert (await asked(by_email, make(request, authorizer=authorizer))).code == "unauthenticated"


@pytest.mark.parametrize("odd", ["a b", "../x", "idempotency#x", "é", "a\r\nX-User-Id: x", "a" * 129, ["x"], {"a": 1}])
async def test_a_claim_that_cannot_be_a_user(odd: Any, strict: Function) -> None:
    event = http_api(Asked("GET", "/v1/images"), authorizer={"jwt": {"claims": {"sub": odd}}})
    answer = await asked(strict, event)
    assert (answer.status, answer.code) in ((401, "invalid_user_id"), (400, "malformed_request"))


async def test_a_user_of_one_sender_is_the_same_user_by_another(container: Function, user: str, image: str) -> None:
    for kind in KINDS:
        assert (await Caller(container, kind, user).get(image)).status == 200
