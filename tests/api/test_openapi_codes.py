"""Each call in `openapi.yaml` names the codes that its handler can answer with, and no others."""

from collections.abc import Iterator

import pytest

from deploy.docs_words import Words
from service.http.app import make_app
from service.http.direct_uploads import MEMBERS
from service.http.images import EDITABLE
from service.http.metrics import Metrics
from service.settings import Settings
from tests.api.test_openapi import DOCUMENT, _operations, _resolved
from tests.raised import codes_of

WORDS = Words(DOCUMENT)
ANYWHERE = {"malformed_request", "expectation_failed", "internal_error", "service_unavailable"}
"""Of any request: it is no sound HTTP, has a fault of ours, or comes when there are too many."""
OF_USERS = {
    *("unauthenticated", "invalid_user_id", "invalid_api_key", "invalid_token", "token_expired", "issuer_unavailable"),
    *("unknown_host", "rate_limited"),
}
"""Of any call that asks who it is."""
OF_STORAGE = {"s3_unavailable", "dynamodb_unavailable", "credentials_missing"}
"""Of any call that is about a user: the storage is passed in, and not followed."""
CHANGING = {"cross_site_request"}
MORE: dict[tuple[str, str], set[str]] = {
    ("POST", "/v1/images"): {
        *("sqs_unavailable", "quota_exceeded", "idempotency_key_reused", "incomplete_body"),
        "corrupt_image",  # by the worker, which `Prefer: wait` may see
    },
    ("PATCH", "/v1/images/{image_id}"): {"incomplete_body"},
    ("POST", "/v1/uploads"): {"quota_exceeded", "idempotency_key_reused", "incomplete_body", "invalid_content_type"},
    ("GET", "/v1/images/{image_id}/content"): {"range_not_satisfiable"},
}
"""What comes from the storage, from the connection, or has its code from an error's own class or a member's name."""
CAUGHT = {("GET", "/v1/images"): {"invalid_tags", "unsupported_media_type"}}
"""What is raised on the way and answered as `invalid_parameter`."""
CASES = [(method, path) for method, path, _ in _operations()]


def _documented(method: str, path: str) -> Iterator[str]:
    (operation,) = [one for verb, place, one in _operations() if (verb, place) == (method, path)]
    for answer in operation["responses"].values():
        for content in _resolved(answer).get("content", {}).values():
            yield from WORDS.problem_codes(content.get("schema", {}))


@pytest.fixture(scope="module")
def raised(settings: Settings) -> dict[tuple[str, str], set[str]]:
    """What each handler's source can answer with."""
    app = make_app(settings)
    Metrics().watch(app)
    found: dict[tuple[str, str], set[str]] = {}
    for route in app.router.routes():
        if route.resource is not None:
            name = getattr(route.handler, "__name__", "")
            found[route.method, route.resource.canonical] = set(codes_of(route.handler.__module__, name))
    return found


@pytest.mark.parametrize(("method", "path"), CASES, ids=[" ".join(case) for case in CASES])
def test_codes_of_a_call(raised: dict[tuple[str, str], set[str]], method: str, path: str) -> None:
    """Those of its source and of what stands around it."""
    (operation,) = [one for verb, place, one in _operations() if (verb, place) == (method, path)]
    around = ANYWHERE | (set() if operation.get("security") == [] else OF_USERS | OF_STORAGE)
    if method != "GET":
        around |= CHANGING
    expected = (raised[method, path] - CAUGHT.get((method, path), set())) | around | MORE.get((method, path), set())
    assert set(_documented(method, path)) == expected


def test_the_source_is_read() -> None:
    """Some codes are found far from the handler, others are of other calls."""
    upload = codes_of("service.http.uploads", "post_image")
    assert {"several_files", "signature_mismatch", "body_timeout", "invalid_idempotency_key", "image_deleted"} <= upload
    assert upload.isdisjoint({"invalid_cursor", "version_mismatch", "image_not_ready"})
    assert codes_of("service.http.usage", "get_usage") == {"invalid_parameter"}
    assert {f"invalid_{name}" for name in MEMBERS | EDITABLE} - upload == {"invalid_size", "invalid_content_type"}
