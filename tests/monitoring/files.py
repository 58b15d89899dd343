"""What `deploy/monitoring` says, read."""

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/monitoring"
OPERATIONS = ROOT / "docs/operations.md"
TESTS = Path(__file__).parent / "alerts.yml"


def rules() -> list[dict[str, Any]]:
    """All rules, of alerts and of what is worked out beforehand."""
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """The rules of alerts, by their names."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    loaded: dict[str, Any] = json.loads((FOLDER / "grafana/dashboard.json").read_text())
    return loaded


def queries() -> dict[str, str]:
    """The queries of the dashboard, by the titles of their panels and their own letters."""
    panels = [panel for panel in dashboard()["panels"] if panel["type"] != "row"]
    return {f"{panel['title']} {one['refId']}": one["expr"] for panel in panels for one in panel["targets"]}
