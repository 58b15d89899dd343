"""What is no call of the API is a problem like any other."""

import pytest

from tests.driver import Client

IMAGE = "/v1/images/019b76da-b3b8-776f-af78-0f0a0c21d27b"


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/images/",
        "/v2/images",
        "/V1/images",
        f"{IMAGE}/",
        f"{IMAGE}/content/",
        f"{IMAGE}/content/thumb",
        f"{IMAGE}/other",
        "//v1/images",
        "/v1/images/a/b/c",
        "/%00",
        "/%FF%FE",
        "/<script>",
        "/" + "x" * 5000,
    ],
    ids=lambda path: str(path)[:20],
)
async def test_unknown_paths(client: Client, path: str) -> None:
    """404, whoever asks."""
    for method in ("GET", "POST", "DELETE"):
        answer = await client.ask(method, path)
        assert (answer.status, answer.code) == (404, "not_found"), method
        assert answer.json["status"] == 404
        assert answer.json.keys() == {"type", "title", "status", "code", "detail"}


@pytest.mark.parametrize(
    ("path", "allowed", "refused"),
    [
        ("/v1/images", "GET HEAD POST", "PUT PATCH DELETE OPTIONS"),
        (IMAGE, "GET HEAD PATCH DELETE", "POST PUT OPTIONS"),
        (f"{IMAGE}/content", "GET HEAD", "POST PUT PATCH DELETE"),
        (f"{IMAGE}/events", "GET HEAD", "POST PUT PATCH DELETE"),
        ("/healthz", "GET HEAD", "POST"),
        ("/readyz", "GET HEAD", "DELETE"),
        ("/metrics", "GET HEAD", "POST"),
        ("/openapi.json", "GET HEAD", "POST"),
        ("/docs", "GET HEAD", "POST"),
        ("/", "GET HEAD", "POST"),
        ("/gallery/0/app.js", "GET HEAD", "POST PUT DELETE"),
    ],
)
async def test_methods_that_a_path_does_not_have(client: Client, path: str, allowed: str, refused: str) -> None:
    """405, and which it has."""
    for method in [*refused.split(), "PROPFIND"]:
        answer = await client.ask(method, path)
        assert (answer.status, answer.code) == (405, "method_not_allowed"), method
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == set(allowed.split())
