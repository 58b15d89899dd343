"""What a row has measured."""

from dataclasses import dataclass, field
from typing import Any


class NotMeasurable(Exception):
    """Its text says what is missing here."""


@dataclass(frozen=True)
class Chart:
    """One drawing: `lines` maps a name to its values at `x`, None where there is none."""

    name: str
    title: str
    x_label: str
    y_label: str
    x: list[float]
    lines: dict[str, list[float | None]]
    logarithmic: bool = False


@dataclass
class Outcome:
    """`values` maps the keys of goals to a value, or to the reason why there is none; `raw` is all behind them."""

    values: dict[str, float | str] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    charts: list[Chart] = field(default_factory=list)
