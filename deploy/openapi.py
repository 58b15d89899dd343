"""Converts `openapi.yaml`, which people write, into the JSON that the service hands out (`make openapi`)."""

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
SOURCE, MADE = ROOT / "openapi.yaml", ROOT / "service/http/openapi.json"


def converted() -> bytes:
    """The document as JSON: one line, the same bytes for the same source."""
    document: dict[str, Any] = yaml.safe_load(SOURCE.read_text("utf-8"))
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


if __name__ == "__main__":
    MADE.write_bytes(converted())
