"""
Draws figures, which come as JSON, into SVG: ``python draw.py FOLDER MARK``.

Runs by itself in the environment of the benchmarks, which has what draws, and knows nothing of the project.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update(
    {
        "svg.hashsalt": "model",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#dddddd",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.facecolor": "white",
        "lines.linewidth": 1.8,
    }
)

import matplotlib.pyplot as plt  # noqa: E402 - it reads the settings
import matplotlib.ticker  # noqa: E402 - as the line before

THOUSANDS = mpl.ticker.StrMethodFormatter("{x:,.0f}")
COLOURS = ("#b2182b", "#ef8a62", "#998ec3", "#1b7837", "#2166ac")
DASHES = ("-", "--", "-.", "-", ":")
WIDTH_INCHES = 8.5


def lines(figure: dict[str, Any]) -> Any:  # noqa: ANN401 - matplotlib's own
    """Return a figure of panels one below the other, over the same time."""
    panels = figure["panels"]
    made, axes = plt.subplots(
        len(panels), 1, sharex=True, figsize=(WIDTH_INCHES, 2 * len(panels) + 1.2), layout="constrained"
    )
    for panel, axis in zip(panels, axes, strict=True):
        for place, (name, points) in enumerate(panel["lines"].items()):
            axis.plot(
                [at for at, _ in points],
                [value for _, value in points],
                label=name,
                color=COLOURS[place % len(COLOURS)],
                linestyle=DASHES[place % len(DASHES)],
            )
        axis.set_ylabel(panel["label"])
        if panel["is_log"]:
            axis.set_yscale("log")
            axis.set_ylim(bottom=0.2)
        else:
            axis.set_ylim(bottom=0)
            axis.yaxis.set_major_formatter(THOUSANDS)
        if figure["is_log"]:
            axis.set_xscale("log")
        axis.minorticks_off()
    axes[-1].set_xlabel("seconds since the beginning")
    axes[0].set_title(figure["title"], loc="left")
    handles, names = axes[0].get_legend_handles_labels()
    made.legend(handles, names, loc="outside lower left", ncols=2, frameon=False)
    return made


def bars(figure: dict[str, Any]) -> Any:  # noqa: ANN401 - matplotlib's own
    """Return a figure of bars, the first on top, each with its name above it."""
    names, values = zip(*figure["bars"], strict=True)
    made, axis = plt.subplots(figsize=(WIDTH_INCHES, 0.5 * len(names) + 1), layout="constrained")
    places = range(len(names))
    axis.barh(places, values, color="#2166ac", height=0.36)
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        axis.text(0, place - 0.28, f"{place}. {name}", va="bottom", fontsize=9)
        axis.text(value, place, f" {value:,.0f}", va="center", fontsize=9)
    axis.set_yticks([])
    axis.invert_yaxis()
    axis.set_xlim(right=max(values) * 1.1)
    axis.xaxis.set_major_formatter(THOUSANDS)
    axis.set_xlabel(figure["unit"])
    axis.set_title(figure["title"], loc="left")
    return made


def main() -> int:
    """Draw what comes in."""
    folder, mark = Path(sys.argv[1]), sys.argv[2]
    for name, figure in json.load(sys.stdin).items():
        drawn = bars(figure) if "bars" in figure else lines(figure)
        drawn.savefig(folder / f"{name}.svg", metadata={"Date": None, "Description": mark})
        plt.close(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
