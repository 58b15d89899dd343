"""The commands of the AWS CLI that texts name, understood by what botocore knows, from which the CLI itself is made.

https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-parameters-types.html
"""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
from botocore import xform_name

from service.settings import Settings
from service.storage.aws import clients

SERVICES = {"s3api": "s3"}
RENAMED = {("sns", "subscribe", "endpoint"): "notification-endpoint"}
"""Parameters whose name is that of an option, too: `awscli/customizations/argrename.py`."""
OPTIONS = {"query", "output", "endpoint-url"}
"""Those of the CLI itself."""
OF_THE_CLI = {("sso", "login"), ("configure", "list-profiles")}
"""Commands that are no calls; both are of version 2 only."""
PLACE = "PLACE"
"""Stands where a text has a value in it that is known only when it is shown."""
BEGIN = re.compile(r"\baws (?=[a-z0-9]+ [a-z])")


@dataclass(frozen=True)
class Command:
    """One call: its service and operation, each as botocore names it, and its parameters, some of them calls too."""

    service: str
    operation: str
    parameters: dict[str, Any]
    options: dict[str, str] = field(default_factory=dict)


def commands_in(text: str) -> list[str]:
    """All of them, each up to where its sentence or its brackets end."""
    return [text[found.start() :][: _length(text[found.start() :])] for found in BEGIN.finditer(_outer(text))]


def _outer(text: str) -> str:
    # What is within $(…) belongs to the command around it.
    return re.sub(r"\$\(([^)]*)\)", lambda found: "_" * len(found[0]), text)


def _length(text: str) -> int:
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth < 0 or letter in "`\n":
            return at
    return len(text)


def texts_of(folder: Path) -> Iterator[str]:
    """All texts in the Python files of a folder, with `PLACE` for values and `{}` for what functions return."""
    for path in sorted(folder.glob("*.py")):
        yield from _texts(ast.parse(path.read_text()))


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
        yield _text(node)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(map(_text, values))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left) + _text(right)
        case ast.FormattedValue():
            return PLACE
    return "{}"


def read(command: str) -> Command | None:
    """What a command calls; None for one that is the CLI's own.

    :raises Exception: there is no such service, operation or parameter, or one that is needed is missing.
    """
    aws, service, operation, *words = shlex.split(re.sub(r"\$\([^)]*\)", lambda found: shlex.quote(found[0]), command))
    assert aws == "aws"
    if (service, operation) in OF_THE_CLI:
        assert not words, command
        return None
    model = botocore.session.get_session().get_service_model(SERVICES.get(service, service))
    names = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    own = {xform_name(name, "-"): name for name in shape.members} if shape else {}
    members = {RENAMED.get((service, operation, name), name): member for name, member in own.items()}
    parameters: dict[str, Any] = {}
    options: dict[str, str] = {}
    while words:
        assert words[0].startswith("--"), f"{words[0]!r} in {command}"
        name, value = words.pop(0).removeprefix("--"), words.pop(0)
        if name in OPTIONS:
            options[name] = value
        else:
            parameters[members[name]] = _value(shape.members[members[name]], value)
    assert set(shape.required_members if shape else ()) <= set(parameters), command
    return Command(SERVICES.get(service, service), xform_name(names[operation]), parameters, options)


def _value(shape: Any, text: str) -> Any:
    if text.startswith("$("):
        return read(text[2:-1])
    if text == PLACE:
        return text if shape.type_name == "string" else {}
    if shape.type_name not in ("structure", "map"):
        return text
    if text.startswith("{"):
        return json.loads(text)
    pairs = dict(one.split("=", 1) for one in text.split(","))
    if shape.type_name == "map":
        return pairs
    flags = {"true": True, "false": False}
    return {
        name: flags[value] if shape.members[name].type_name == "boolean" else value for name, value in pairs.items()
    }


async def performed(settings: Settings, command: Command) -> Any:
    """What the CLI would print, after it has been done."""
    given = {
        name: await performed(settings, value) if isinstance(value, Command) else value
        for name, value in command.parameters.items()
    }
    async with clients(settings, command.service) as (client,):
        answer = await getattr(client, command.operation)(**given)
    return answer[command.options["query"]] if "query" in command.options else answer
