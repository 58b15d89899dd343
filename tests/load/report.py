"""Goals and what was measured, as one table and as JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.load.goals import Goal

ALL_REACHED, SOME_NOT_REACHED, SOME_NOT_MEASURED = 0, 1, 3
"""Exit codes; 2 is for arguments that make no sense."""


@dataclass(frozen=True)
class Figure:
    """A goal and its value, or the reason why there is none."""

    goal: Goal
    value: float | str

    @property
    def reached(self) -> bool | None:
        """None when it was not measured."""
        return None if isinstance(self.value, str) else self.goal.reached(self.value)

    @property
    def verdict(self) -> str:
        """For the last column."""
        return {True: "reached", False: "NOT REACHED", None: "NOT MEASURED"}[self.reached]


def figures(goals: Iterable[Goal], values: Mapping[str, float | str]) -> list[Figure]:
    """One figure a goal, also where nothing has come of it."""
    return [Figure(goal, values.get(goal.key, "its row gave no figure")) for goal in goals]


def table(measured: Iterable[Figure]) -> str:
    """Lines of figure, goal and verdict."""
    lines = [("figure", "measured", "goal", "")]
    for figure in measured:
        value = "-" if isinstance(figure.value, str) else f"{_number(figure.value)} {figure.goal.unit}".rstrip()
        verdict = figure.verdict
        if isinstance(figure.value, str):
            verdict += f": {figure.value}"
        lines.append((figure.goal.what, value, figure.goal.text, verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "".join(
        f"{what:{widths[0]}}  {value:>{widths[1]}}  {goal:{widths[2]}}  {verdict}".rstrip() + "\n"
        for what, value, goal, verdict in lines
    )


def _number(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 or value.is_integer() else f"{value:.3g}"


def as_json(measured: Iterable[Figure], raw: Mapping[str, Any], machine: Mapping[str, Any]) -> dict[str, Any]:
    """All of it, for programs."""
    return {
        "machine": dict(machine),
        "figures": [
            {
                "key": figure.goal.key,
                "what": figure.goal.what,
                "value": None if isinstance(figure.value, str) else figure.value,
                "not_measured": figure.value if isinstance(figure.value, str) else None,
                "unit": figure.goal.unit,
                "goal": figure.goal.text,
                "reached": figure.reached,
            }
            for figure in measured
        ],
        "raw": dict(raw),
    }


def exit_code(measured: Iterable[Figure]) -> int:
    """What the command ends with."""
    verdicts = {figure.reached for figure in measured}
    if None in verdicts:
        return SOME_NOT_MEASURED
    return SOME_NOT_REACHED if False in verdicts else ALL_REACHED
