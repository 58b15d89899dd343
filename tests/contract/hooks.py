"""What Schemathesis cannot read in the document: pictures, ids of images that there are, and what its prose says."""

import os
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.pictures import TINY

WORDS = {"invalid_filename", "invalid_title", "invalid_tags", "metadata_too_large"}
PROSE: dict[str, set[str]] = {
    "POST /v1/images": WORDS | {"invalid_parameter"},  # words in the query, which are of a raw body, beside a form
    "GET /v1/images": {"invalid_cursor", "invalid_parameter"},  # cursors, times, and tags without commas
    "PATCH /v1/images/{image_id}": WORDS,
    # Types have several names; and 5.0 is an integer to JSON Schema.
    "POST /v1/uploads": WORDS | {"unsupported_media_type", "invalid_size"},
}
"""Codes with which a request may be refused that fits the schemas: JSON Schema cannot say limits of bytes, nor of texts
that are trimmed or split first."""


@schemathesis.check
def a_sound_request_is_taken(context: Any, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """A 400 to what fits the schemas has one of the codes that only prose explains."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE or response.status_code != 400:
        return
    code = response.json()["code"]
    assert code in PROSE.get(case.operation.label, set()), f"refused as {code}"


for _media_type, _picture in TINY.items():
    schemathesis.openapi.media_type(_media_type, st.just(_picture.data))
schemathesis.openapi.format("binary", st.sampled_from([picture.data for picture in TINY.values()]))

_ids: Iterator[str | None] = cycle([*os.environ["IMAGE_IDS"].split(","), None])


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any]) -> dict[str, Any]:
    """An image that exists, most times; those that all calls share are not deleted."""
    image_id = next(_ids)
    if image_id and path_parameters and context.operation.method != "delete":
        return path_parameters | {"image_id": image_id}
    return path_parameters
