"""Converts `openapi.yaml`, which people write, into what the service hands out: JSON and a page (`make openapi`)."""

import json
from pathlib import Path
from typing import Any

import yaml

from deploy.docs_page import page

ROOT = Path(__file__).parent.parent
SOURCE, MADE, PAGE = ROOT / "openapi.yaml", ROOT / "service/http/openapi.json", ROOT / "service/http/docs.html"


def converted() -> bytes:
    """The document as JSON: one line, the same bytes for the same source."""
    return json.dumps(_document(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def rendered() -> bytes:
    """The document as a page; the same bytes for the same source."""
    return page(_document())


def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(SOURCE.read_text("utf-8"))
    return document


if __name__ == "__main__":
    MADE.write_bytes(converted())
    PAGE.write_bytes(rendered())
