"""Charts as SVG: `python -m tests.load.charts FOLDER` draws those in its bench.json.

The same bytes for the same figures, black on white, nothing but the lines. Runs in an environment of its own.
"""

import json
import sys
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from tests.load.outcome import Chart

matplotlib.rcParams["svg.hashsalt"] = "cloud-images"
matplotlib.rcParams["svg.fonttype"] = "none"
SIZE_INCHES = (7.0, 4.0)
NAMELESS = {"Date": None, "Creator": None}


def main() -> None:
    """One file a chart."""
    folder = Path(sys.argv[1])
    for chart in json.loads((folder / "bench.json").read_text())["charts"]:
        _draw(Chart(**chart), folder / f"{chart['name']}.svg")


def _draw(chart: Chart, path: Path) -> None:
    figure = Figure(figsize=SIZE_INCHES, facecolor="white", layout="constrained")
    axes = figure.subplots()
    for (name, values), marker in zip(chart.lines.items(), "os^D*v", strict=False):
        there = [(x, y) for x, y in zip(chart.x, values, strict=True) if y is not None]
        axes.plot([x for x, _ in there], [y for _, y in there], marker=marker, label=name)
    if chart.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axes.set_ylim(bottom=0)
    axes.set_xticks(chart.x, [f"{value:g}" for value in chart.x])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_title(chart.title)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.grid(visible=True, color="#dddddd")
    axes.legend(frameon=False)
    figure.savefig(path, format="svg", metadata=NAMELESS)


if __name__ == "__main__":
    main()
