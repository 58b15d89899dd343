"""Writes `deploy/monitoring/grafana/dashboard.json`, what Grafana shows of service and workers, from the table below.

`python -m deploy.dashboard`. Thirty panels are two thousand lines of JSON, of which these are what matters.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "monitoring/grafana/dashboard.json"
WIDTH = 24
"""Of Grafana's grid."""
SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True)
class Panel:
    """One picture.

    `queries` are PromQL by their legends; `limit` is the value from which on it is red; `number` shows only the newest.
    """

    title: str
    unit: str
    queries: dict[str, str]
    about: str = ""
    limit: float | None = None
    number: bool = False
    stacked: bool = False


def quantile(share: float, name: str) -> str:
    """So many of the values are below this."""
    return f"histogram_quantile({share}, sum by (le) (rate(cloud_images_{name}_seconds_bucket[$__rate_interval])))"


def pace(name: str, by: str = "") -> str:
    """How many a second, by these labels."""
    return f"sum{f' by ({by})' if by else ''} (rate(cloud_images_{name}[$__rate_interval]))"


def times(name: str, *shares: float) -> dict[str, str]:
    """Quantiles of a histogram by their names."""
    return {f"p{share * 100:g}": quantile(share, name) for share in shares}


ROWS: dict[str, list[Panel]] = {
    "Is it well?": [
        Panel(
            "Alerts",
            "none",
            {"": 'count(ALERTS{alertstate="firing", severity=~".+"}) or vector(0)'},
            limit=1,
            number=True,
        ),
        Panel("Services", "none", {"": 'count(up{job="cloud-images-service"} == 1) or vector(0)'}, number=True),
        Panel("Workers", "none", {"": 'count(up{job="cloud-images-worker"} == 1) or vector(0)'}, number=True),
        Panel(
            "Uploads not taken",
            "percentunit",
            {"": "cloud_images:uploads_not_taken:ratio5m"},
            "Share of the last five minutes' uploads that got a 5xx, though nothing was wrong with them.",
            limit=0.0144,
            number=True,
        ),
        Panel("Ready within (p95)", "s", {"": quantile(0.95, "ready")}, "From acceptance to record.", 60, number=True),
        Panel(
            "Waiting uploads", "none", {"": 'max(cloud_images_queue_messages{state="waiting"})'}, limit=500, number=True
        ),
        Panel("Dead letters", "none", {"": "max(cloud_images_dead_letters)"}, limit=1, number=True),
    ],
    "Uploads": [
        Panel("Uploads by verdict", "reqps", {"{{verdict}}": pace("uploads_total", "verdict")}, stacked=True),
        Panel(
            "Why not accepted",
            "reqps",
            {"{{verdict}} {{code}}": pace('uploads_total{verdict!="accepted"}', "verdict, code") + " > 0"},
            "docs/api.md says what each code means.",
        ),
        Panel(
            "Time to accept",
            "s",
            times("accept", 0.5, 0.95, 0.99),
            "From an upload's headers to its receipt, the way of its bytes included: slow clients show here.",
            limit=10,
        ),
        Panel("Accepted bytes", "Bps", {"bytes": pace("accepted_bytes_total")}),
        Panel("Other requests", "reqps", {"{{route}}": pace("other_requests_total", "route")}),
        Panel("Their answers", "reqps", {"{{status}}": pace("other_requests_total", "status")}, stacked=True),
    ],
    "Processing": [
        Panel(
            "Queue",
            "none",
            {
                "{{state}}": "max by (state) (cloud_images_queue_messages)",
                "dead letters": "max(cloud_images_dead_letters)",
            },
            "As each service process sees it, so the largest; SQS itself counts approximately.",
        ),
        Panel(
            "Wait in the queue",
            "s",
            times("queue_wait", 0.5, 0.95),
            "How old messages are when a worker first has them. Without a worker nobody knows: look at the queue then.",
            limit=300,
        ),
        Panel("Time to ready", "s", times("ready", 0.5, 0.95, 0.99), "From acceptance to record.", limit=60),
        Panel("Finished", "ops", {"{{status}} {{code}}": pace("processed_total", "status, code")}, stacked=True),
        Panel("Deliveries that did not work", "ops", {"{{code}}": pace("retries_total", "code")}),
        Panel("Time to decode", "s", times("decode", 0.5, 0.95, 0.99)),
        Panel(
            "Decoders",
            "ops",
            {"started": pace("decoder_starts_total"), "{{code}}": pace("decoder_deaths_total", "code")},
        ),
        Panel(
            "Sweeps",
            "none",
            {
                "{{kind}} {{result}}": "sum by (kind, result) (increase(cloud_images_sweep_found_total[1h])) > 0",
                "broken off": "sum(increase(cloud_images_sweeps_broken_off_total[1h])) > 0",
            },
            "What the sweeps of the last hour have found.",
        ),
        Panel(
            "Since the last sweep", "s", {"": "time() - max(cloud_images_last_sweep_timestamp_seconds)"}, limit=10_800
        ),
    ],
    "AWS": [
        Panel(
            "Uploads that AWS did not take",
            "reqps",
            {"{{code}}": pace('uploads_total{verdict="unavailable"}', "code")},
            limit=0.05,
        ),
        Panel("Workers that wait for AWS", "ops", {"{{code}}": pace("outages_total", "code")}, limit=0.05),
        Panel("Looks at the queues that failed", "ops", {"": pace("queue_looks_failed_total")}),
    ],
    "Resources": [
        Panel(
            "Under way",
            "none",
            {
                "requests": "sum(cloud_images_requests_under_way)",
                "uploads in workers": "sum(cloud_images_uploads_under_way)",
            },
        ),
        Panel(
            "Bodies on their way in",
            "bytes",
            {
                "in memory": "sum(cloud_images_spool_memory_bytes)",
                "on disk": "sum(cloud_images_spool_disk_bytes)",
                "memory limit": "sum(cloud_images_spool_memory_limit_bytes)",
            },
        ),
        Panel("Free on the spool's disk", "bytes", {"{{instance}}": "cloud_images_spool_disk_free_bytes"}),
        Panel("Processed bytes", "Bps", {"bytes": pace("processed_bytes_total")}),
        Panel("Last poll", "s", {"{{instance}}": "time() - cloud_images_last_poll_timestamp_seconds"}, limit=120),
        Panel("Versions", "none", {"{{job}} {{version}}": "count by (job, version) (cloud_images_build_info)"}),
    ],
}


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana has it, since its version 10."""
    return {
        "title": "Cloud images",
        "uid": "cloud-images",
        "tags": ["cloud-images"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": list(_panels()),
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, y = 1, 0
    for title, panels in ROWS.items():
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": _at(0, y, WIDTH, 1),
        }
        number, y, x = number + 1, y + 1, 0
        wide = WIDTH // len(panels) if panels[0].number else WIDTH // 3
        high = 4 if panels[0].number else 8
        for panel in panels:
            if x + wide > WIDTH:
                x, y = 0, y + high
            yield {"id": number, "gridPos": _at(x, y, wide, high), **_panel(panel)}
            number, x = number + 1, x + wide
        y += high


def _at(x: int, y: int, wide: int, high: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": wide, "h": high}


def _panel(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    custom = {
        "fillOpacity": 20 if panel.stacked else 0,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "off" if panel.limit is None else "dashed"},
    }
    return {
        "type": "stat" if panel.number else "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                **({} if panel.number else {"custom": custom}),
            },
            "overrides": [],
        },
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background" if panel.limit else "value"}
        if panel.number
        else {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
        "targets": [
            {"refId": chr(ord("A") + at), "expr": query, "legendFormat": legend or panel.title, "datasource": SOURCE}
            for at, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def text() -> str:
    """What the file shall have in it."""
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    OUT.write_text(text())
