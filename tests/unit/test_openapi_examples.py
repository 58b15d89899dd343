"""The examples in `openapi.yaml`, and those that its page shows, fit its own schemas."""

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.docs_words import Words
from tests.api.test_openapi import DOCUMENT, SCHEMAS, _operations, _resolved
from tests.schemas import faults

WORDS = Words(DOCUMENT)


def _given(node: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each example with its schema, wherever it stands."""
    if isinstance(node, dict):
        if "examples" in node and isinstance(node["examples"], list):
            yield from ((f"{place}/examples", node, one) for one in node["examples"])
        if "schema" in node and "example" in node:
            yield f"{place}/example", node["schema"], node["example"]
        for name, value in node.items():
            if name not in ("example", "examples"):
                yield from _given(value, f"{place}/{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _given(value, f"{place}/{index}")


GIVEN = list(_given(DOCUMENT))


@pytest.mark.parametrize(("schema", "example"), [one[1:] for one in GIVEN], ids=[one[0] for one in GIVEN])
def test_an_example_fits(schema: Any, example: Any) -> None:
    assert list(faults(DOCUMENT, schema, example)) == []


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if "properties" in schema])
def test_each_object_has_an_example(name: str) -> None:
    """Its own, or made of its members'."""
    example = WORDS.example({"$ref": f"#/components/schemas/{name}"})
    assert example
    assert list(faults(DOCUMENT, SCHEMAS[name], example)) == []


def test_what_does_not_fit_is_told() -> None:
    """Else the tests above would prove nothing."""
    image = SCHEMAS["Image"]["examples"][0]
    wrong = {
        "size": -1,
        "sha256": "x",
        "status": "deleted",
        "tags": ["a", "a"],
        "created_at": "yesterday",
        "title": "x" * 201,
        "variants": {"huge": image["variants"]["thumb"]},
        "more": 1,
        "width": 0,
        "links": {},
    }
    for name, value in wrong.items():
        assert [
            one for one in faults(DOCUMENT, SCHEMAS["Image"], image | {name: value}) if f".{name}" in one or name in one
        ]
    assert list(faults(DOCUMENT, SCHEMAS["Image"], {})) == [f"$ lacks {name}" for name in SCHEMAS["Image"]["required"]]


def test_each_code_stands_at_a_call() -> None:
    """All that a request can be answered with, but for what is about no call; and `reason` has the others."""
    at_calls: dict[str, set[str]] = {}
    for method, path, operation in _operations():
        for status, answer in operation["responses"].items():
            for content in _resolved(answer).get("content", {}).values():
                for code in WORDS.problem_codes(content.get("schema", {})):
                    at_calls.setdefault(code, set()).add(f"{method} {path} {status}")
    of_no_call = {"method_not_allowed"}
    codes = {code for name in ("RefusalCode", "RequestCode", "UnavailableCode") for code in SCHEMAS[name]["enum"]}
    assert set(at_calls) - set(SCHEMAS["FailureCode"]["enum"]) == codes - of_no_call


def test_a_code_has_one_status_but_for_reasons() -> None:
    """Programs go by the code: it means the same wherever it stands."""
    statuses: dict[str, set[str]] = {}
    for _, _, operation in _operations():
        for status, answer in operation["responses"].items():
            for content in _resolved(answer).get("content", {}).values():
                for code in WORDS.problem_codes(content.get("schema", {})):
                    statuses.setdefault(code, set()).add(status)
    # Over the quota a direct upload ends as `rejected`, which `Prefer: wait` may see; what failed is `internal_error`.
    assert {code: found for code, found in statuses.items() if len(found) > 1} == {"quota_exceeded": {"400", "429"}}
