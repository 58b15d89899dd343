"""Changes JSON as JSON: of a hundred changed bytes ninety-nine would leave no JSON at all."""

import json
import random
from collections.abc import Callable
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**63, 10**30, 1.5, "", "x", "/", "\0", "\ud800", "\r\n", "ü", "%zz", "..", [], {}),
    *([None], [[]], {"": None}, ["x"], {"x": "y"}, "aws:s3", "aws:sqs", "s3:TestEvent", "ObjectCreated:", "direct/a/b"),
)
LONGEST_CHAIN = 3


def mutate(data: bytes, most: int, seed: int, change_bytes: Callable[[bytes, int], bytes]) -> bytes:
    """`data` with one to three of its values changed; by its bytes when it is no JSON, and now and then anyway."""
    dice = random.Random(seed)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return change_bytes(data, most)
    if dice.random() < 0.1:
        return change_bytes(data, most)
    for _ in range(dice.randint(1, LONGEST_CHAIN)):
        value = _changed(value, dice, change_bytes)
    changed = json.dumps(value).encode()
    return changed if len(changed) <= most else change_bytes(data, most)


def _changed(value: Any, dice: random.Random, change_bytes: Callable[[bytes, int], bytes]) -> Any:
    """A copy with a change somewhere inside, or another value in its place."""
    if isinstance(value, dict) and value and dice.random() < 0.9:
        name = dice.choice(list(value))
        action = dice.random()
        if action < 0.1:
            return {key: one for key, one in value.items() if key != name}
        if action < 0.2:
            return value | {dice.choice(list(value)): value[name]}
        return value | {name: _changed(value[name], dice, change_bytes)}
    if isinstance(value, list) and value and dice.random() < 0.9:
        at = dice.randrange(len(value))
        if dice.random() < 0.2:
            return [*value[:at], *value[at:][: dice.randint(0, 2)], *value[at:]]
        return [*value[:at], _changed(value[at], dice, change_bytes), *value[at + 1 :]]
    if isinstance(value, str) and dice.random() < 0.6:
        return change_bytes(value.encode(errors="replace") or b"x", len(value) + 20).decode(errors="surrogateescape")
    return dice.choice(ODD)
