"""The examples of a document: blocks of shell, run one after another in one shell, and the answers shown behind them.

A block of `sh` may be followed by what it prints: one of `http` (status line, some headers, body) or of `text` (some
lines). In an answer `…` stands for further members, or for the rest of a text; what differs between runs (ids, times,
signatures, hosts) need only look alike.
"""

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 120
ELLIPSIS = "…"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "an id"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "a time"),
    (re.compile(r"https?://[^/\s\"]+"), "a host"),
    (re.compile(r"\?X-Amz-\S+"), "a signature"),
)


@dataclass(frozen=True)
class Example:
    """A block of shell, and what it is said to print; `kind` is the language of that."""

    shell: str
    kind: str = ""
    shown: str = ""


def examples(document: str) -> list[Example]:
    """All of a document, in order."""
    found: list[Example] = []
    for kind, text in BLOCK.findall(document):
        if kind == "sh":
            found.append(Example(text))
        elif kind in ("http", "text") and found and not found[-1].kind:
            found[-1] = Example(found[-1].shell, kind, text)
    return found


async def run(blocks: list[str], folder: Path, **variables: str) -> list[str]:
    """Run blocks in one shell, which ends at the first failure; what each has printed."""
    outputs = [folder / f"output {at}" for at in range(len(blocks))]
    script = "".join(f"{{\n{block}\n}} > '{output}'\n" for block, output in zip(blocks, outputs, strict=True))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=folder,
        env=os.environ | {"PATH": path} | variables,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    printed = [output.read_text() for output in outputs if output.exists()]
    assert process.returncode == 0, (blocks[len(printed) - 1], printed[-1], errors.decode())
    assert errors == b""
    return printed


def differences(kind: str, shown: str, printed: str) -> list[str]:
    """Where what was printed is not what was shown; nothing when it is."""
    if kind == "text":
        begins = [line.partition(ELLIPSIS)[0] for line in _masked(shown).splitlines()]
        return [f"not printed: {begin}" for begin in begins if begin not in _masked(printed)]
    status, headers, body = _parts(shown)
    real_status, real_headers, real_body = _parts(printed)
    found = [] if status == real_status else [f"{status!r} is {real_status!r}"]
    found += [
        f"{name}: {text!r} is {real_headers.get(name)!r}"
        for name, text in headers.items()
        if real_headers.get(name) != text
    ]
    if bool(body) != bool(real_body):
        return [*found, f"the body is {real_body[:500]!r}"]
    return [*found, *(_unlike(json.loads(body), json.loads(real_body), "body") if body else [])]


def _parts(answer: str) -> tuple[str, dict[str, str], str]:
    head, _, body = answer.replace("\r\n", "\n").partition("\n\n")
    status, *lines = _masked(head).splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    return status, headers, body.strip()


def _masked(text: str) -> str:
    for pattern, mask in MASKS:
        text = pattern.sub(f"<{mask}>", text)
    return text


def _unlike(shown: Any, real: Any, where: str) -> list[str]:
    """What is different in JSON; a member is told by its path."""
    if isinstance(shown, dict) and isinstance(real, dict):
        names = shown.keys() - {ELLIPSIS}
        missing = sorted(names - real.keys())
        more = [] if ELLIPSIS in shown else sorted(real.keys() - names)
        found = [f"{where}.{name} is not there" for name in missing] + [f"{where}.{name} is not shown" for name in more]
        both = [name for name in shown if name in real]
        return [*found, *(line for name in both for line in _unlike(shown[name], real[name], f"{where}.{name}"))]
    if isinstance(shown, list) and isinstance(real, list) and len(shown) == len(real):
        return [
            line for at, pair in enumerate(zip(shown, real, strict=True)) for line in _unlike(*pair, f"{where}[{at}]")
        ]
    if isinstance(shown, str) and isinstance(real, str):
        # The end of a long one may be left out.
        begin, end = shown.endswith(ELLIPSIS), _masked(shown.removesuffix(ELLIPSIS))
        return (
            []
            if (_masked(real).startswith(end) if begin else _masked(real) == end)
            else [f"{where}: {shown!r} is {real!r}"]
        )
    return [] if shown == real and type(shown) is type(real) else [f"{where}: {shown!r} is {real!r}"]
