"""Which codes a function can answer with, found in the source: its own, and those of all that it names in turn.

What is reached only by an attribute of something passed in (the storage, say) is not followed.
"""

import ast
import re
from functools import cache
from pathlib import Path

from tests.unit.test_readme import RAISED, ROOT

HANDED_OVER = re.compile(r'(?:_end_body|super\(\).__init__)\(\s*"([a-z_]+)",')
FOLDERS = ("service/http", "service/intake")
Place = tuple[str, str]
"""A module and a name in it."""


@cache
def codes_of(module: str, name: str) -> frozenset[str]:
    """The codes of what has that name in that module."""
    found: set[str] = set()
    seen: set[Place] = set()
    todo = [(module, name)]
    while todo:
        place = todo.pop()
        if place in seen:
            continue
        seen.add(place)
        source, names = _known().get(place, ("", frozenset()))
        found |= {code for pattern in (RAISED, HANDED_OVER) for code in pattern.findall(source)}
        imported = _imports().get(place[0], {})
        todo += [imported.get(one, (place[0], one)) for one in names]
    return frozenset(found)


@cache
def _trees() -> dict[str, tuple[str, ast.Module]]:
    """Source and syntax of each module."""
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    return {_name(file): (file.read_text(), ast.parse(file.read_text())) for file in files}


def _name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def _known() -> dict[Place, tuple[str, frozenset[str]]]:
    """Of each function and class, and what else has a name: its source, and the names in it."""
    known = {}
    for module, (source, tree) in _trees().items():
        for node in tree.body:
            names = [node.name] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else []
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            inside = frozenset(one.id for one in ast.walk(node) if isinstance(one, ast.Name))
            for name in names:
                known[module, name] = (ast.get_source_segment(source, node) or "", inside)
    return known


@cache
def _imports() -> dict[str, dict[str, Place]]:
    """For each module, where the names come from that it imports."""
    return {
        module: {
            alias.asname or alias.name: (node.module or "", alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for module, (_, tree) in _trees().items()
    }
