"""What a command says of itself, and what it loads before it has something to do."""

import json
import subprocess
import sys
from importlib import metadata

import pytest
from typer.testing import CliRunner

from service.cli.app import app

NAMES = [str(command.name) for command in app.registered_commands]
HEAVY = {"aiohttp", "rich", "PIL", "uvloop", "aioboto3", "botocore", "obstore", "jwt", "service.client", "service.http"}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_an_example(name: str) -> None:
    """One that can be pasted, and each option has its words."""
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert shown.exit_code == 0
    assert ("Example: make run" if name == "dev" else f"Example: cloud-images {name}") in shown.output
    (command,) = [one for one in app.registered_commands if one.name == name]
    assert command.callback
    assert command.rich_help_panel


def test_nothing_heavy_is_loaded_at_first() -> None:
    """A service starts as soon as it did before there were commands that use one."""
    ask = "import json, sys, service.cli.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=60, check=True)
    assert HEAVY & set(json.loads(done.stdout)) == set()


def test_the_version_is_told() -> None:
    """The one that is installed."""
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.output) == (0, f"cloud-images {metadata.version('cloud-image-service')}\n")
