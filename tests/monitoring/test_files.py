"""Rules, dashboard and documentation tell of figures that there are, and of each other as they are."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from deploy import dashboard as maker
from tests.monitoring.conftest import Running
from tests.monitoring.files import FOLDER, OPERATIONS, ROOT, TESTS, alerts, dashboard, queries, rules
from tests.wire import bare_head

FIGURE = re.compile(r"\bcloud_images[_:][a-z0-9_:]+")
promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")


def sections() -> dict[str, str]:
    """The headings of docs/operations.md as links name them, and what stands below each up to the next."""
    parts = re.split(r"^#+ (.*)$", OPERATIONS.read_text(), flags=re.MULTILINE)[1:]
    return {
        re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-"): text
        for one, text in zip(parts[::2], parts[1::2], strict=True)
    }


async def shown(running: Running) -> dict[str, set[str]]:
    """The names of all samples that service and worker show, by the names of their figures."""
    service = (await running.service.ask(bare_head(target="/metrics", method="GET"))).body.decode()
    async with running.worker.session.get(f"{running.worker.url}/metrics") as answer:
        worker = await answer.text()
    found: dict[str, set[str]] = {}
    for family in (*text_string_to_metric_families(service), *text_string_to_metric_families(worker)):
        name = family.name + ("_total" if family.type == "counter" else "")
        # One with labels that nothing has happened to yet has no samples.
        found.setdefault(name, {name}).update(sample.name for sample in family.samples)
    return found


async def test_every_figure_that_is_asked_for_is_there(running: Running) -> None:
    """In the dashboard and in the rules, those that rules work out included; no figure is shown for nothing."""
    samples = await shown(running)
    there = set[str]().union(*samples.values()) | {rule["record"] for rule in rules() if "record" in rule}
    asked = {name for query in queries().values() for name in FIGURE.findall(query)}
    ruled = {name for rule in rules() for name in FIGURE.findall(rule["expr"])}
    assert asked - there == set()
    assert ruled - there == set()
    assert len(asked) > 20
    assert {figure for figure, names in samples.items() if not names & (asked | ruled)} == set()


async def test_every_figure_is_explained(running: Running) -> None:
    """In the table of docs/operations.md, and no other."""
    table = re.findall(r"^\| `(cloud_images_[a-z_]+)", sections()["figures-and-alerts"], re.MULTILINE)
    assert sorted(table) == sorted(await shown(running))


def test_the_jobs_are_those_of_the_rules() -> None:
    """By their names the rules tell service and workers apart."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    asked = {*(rule["expr"] for rule in rules()), *queries().values()}
    assert {job for query in asked for job in re.findall(r'job="([^"]+)"', query)} == jobs


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_what_to_do(name: str) -> None:
    """How urgent it is, what is wrong, and in which section it stands what to do."""
    rule = alerts()[name]
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert re.fullmatch(r"\d+m", rule["for"])
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert ROOT / page == OPERATIONS
    assert anchor == name.lower()
    assert len(sections()[anchor].split()) > 10


def test_each_alert_has_a_test_of_either_kind() -> None:
    """In which it fires, and in which it does not."""
    cases = {case["name"] for case in yaml.safe_load(TESTS.read_text())["tests"]}
    assert cases == {f"{name} {what}" for name in alerts() for what in ("fires", "keeps quiet")}


@promtool
@pytest.mark.parametrize(
    "words", [("check", "config", FOLDER / "prometheus.yml"), ("test", "rules", TESTS)], ids=["check", "test"]
)
def test_promtool_is_content(words: tuple[str | Path, ...]) -> None:
    """With the configuration, and with what the rules make of what happens."""
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_the_one_in_the_table() -> None:
    """`make dashboard` has been run."""
    assert (FOLDER / "grafana/dashboard.json").read_text() == maker.text()


def test_the_dashboard_is_one_that_grafana_can_show() -> None:
    """By its JSON model: panels have an id each, lie side by side, and ask the one source that is provisioned."""
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= maker.WIDTH
        squares = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not squares & taken, panel["title"]
        taken |= squares
        if panel["type"] != "row":
            assert panel["type"] in ("stat", "timeseries")
            assert panel["targets"]
            letters = [target["refId"] for target in panel["targets"]]
            assert len(set(letters)) == len(letters)
            assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${source}"}
    (variable,) = dashboard()["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("source", "datasource", "prometheus")


def test_compose_runs_what_is_here() -> None:
    """What is mounted exists, versions are pinned, and only this machine can reach the ports."""
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    monitoring = {name: one for name, one in services.items() if "monitoring" in one.get("profiles", ())}
    assert set(monitoring) == {"prometheus", "grafana"}
    for one in monitoring.values():
        assert re.search(r":v?\d+\.\d+\.\d+$", one["image"])
        assert all(port.startswith("127.0.0.1:${") for port in one["ports"])
        for source in (volume.partition(":")[0] for volume in one["volumes"]):
            assert not source.startswith("./") or (ROOT / source).exists(), source
    worker = services["worker"]
    assert "ports" not in worker
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    asked = {job["dns_sd_configs"][0]["names"][0]: job["dns_sd_configs"][0]["port"] for job in config["scrape_configs"]}
    assert asked == {"service": 8080, "worker": int(worker["environment"]["WORKER_METRICS_PORT"])}
