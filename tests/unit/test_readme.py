"""The tables of the documents are true: every setting, every code and every dependency is in them."""

import dataclasses
import json
import re
import tomllib
from pathlib import Path

import pytest

from service.settings import Settings

ROOT = Path(__file__).parents[2]
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
API = (ROOT / "docs/api.md").read_text()
README = (ROOT / "README.md").read_text()
RAISED = re.compile(
    r"""(?:Refused|InvalidRequest|Unauthenticated|Forbidden|NotFound|Conflict|PreconditionFailed|TooManyRequests|Unavailable|NotSound|Reason"""
    r"""|problem|_refused)\(\s*(?:code=|\d+,\s*)?"([a-z_]+)\""""
)


def test_the_table_of_settings_is_that_of_the_code() -> None:
    """Variables, in order, with their meaning."""
    table = re.findall(r"^\| (`[A-Z_0-9]+`(?:, `[A-Z_0-9]+`)*) \| (.*) \| (.*) \|$", CONFIGURATION, re.MULTILINE)
    documented = [(names, about) for names, _, about in table if names != "`LOCAL_AWS`"]
    expected = [
        (", ".join(f"`{name}`" for name in one.metadata["env"]), one.metadata["about"])
        for one in dataclasses.fields(Settings)
    ]
    assert documented == expected


@pytest.mark.parametrize("name", [one.name for one in dataclasses.fields(Settings)])
def test_the_documented_default_is_the_one_in_force(name: str) -> None:
    """What the table gives as default, set explicitly, changes nothing."""
    one = Settings.__dataclass_fields__[name]
    variable = one.metadata["env"][0]
    row = re.search(rf"^\| `{variable}`.*?\| (.*?) \|", CONFIGURATION, re.MULTILINE)
    assert row
    if name == "decoders":
        assert row[1] == "one a core"
    else:
        assert getattr(Settings.from_env({variable: row[1]}), name) == one.default


def test_every_code_is_documented() -> None:
    """All codes that the source can answer with, but for those a user never sees."""
    sources = [*(ROOT / "service").rglob("*.py"), *(ROOT / "worker").rglob("*.py")]
    codes = {code for source in sources for code in RAISED.findall(source.read_text())} - {"undecodable_message"}
    assert len(codes) > 30
    assert {code for code in codes if f"`{code}`" not in API} == set()


def test_every_call_is_in_the_table() -> None:
    """Of docs/api.md, in a row of its own or with others; the paths are those of openapi.yaml."""
    paths = json.loads((ROOT / "service/http/openapi.json").read_text())["paths"]
    methods = ("get", "post", "put", "patch", "delete")
    calls = {f"{method.upper()} {path}" for path, item in paths.items() for method in methods if method in item}
    rows = "\n".join(re.findall(r"^\| (`[A-Z]+ /.*?) \|", API, re.MULTILINE)).replace("{id}", "{image_id}")
    assert calls - set(re.findall(r"`([A-Z]+ /[^`]*)`", rows)) == set()


def test_every_dependency_has_its_reason() -> None:
    """README's table names those that pyproject.toml installs, and what an extra of theirs brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["dependencies"] + project["optional-dependencies"]["traces"]
    names = {re.split(r"[\[<>=~! ;]", one)[0] for one in declared}
    table = README.partition("| dependency | why |\n| --- | --- |\n")[2].partition("\n\n")[0]
    explained = {name for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for name in row.split(", ")}
    assert explained - {"cryptography"} == names
