"""What a model claims against what comes true, for both models."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from medadapt.report.figures.drawing import BLUE, GREY, ORANGE, canvas, png

MODELS = {"baseline": ("base model", ORANGE, "s", "--"), "tuned": ("tuned model", BLUE, "o", "-")}
LARGEST_POINT = 60.0


def reliability(bins: dict[str, list[dict[str, Any]]]) -> bytes | None:
    """Share right against confidence, a point with its interval a bin; None without a bin.

    `bins` holds, by model, rows of `n`, mean `confidence`, `accuracy`, `low` and `high`. On the diagonal a model
    keeps what it claims; below it, it is too sure of itself. The area of a point grows with its records.
    """
    drawn = {name: rows for name, rows in bins.items() if name in MODELS and rows}
    if not drawn:
        return None
    most = max(row["n"] for rows in drawn.values() for row in rows)
    with canvas(6.4, 4.9) as figure:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.8, label="keeps what it claims")
        for name, rows in drawn.items():
            _draw(axes, rows, *MODELS[name], most=most)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel("confidence in the answer")
        axes.set_ylabel("share right")
        figure.legend(loc="outside upper left", ncols=1, fontsize=9.5)
        return png(figure)


def _draw(
    axes: Axes, rows: list[dict[str, Any]], label: str, colour: str, marker: str, line: str, *, most: int
) -> None:
    at, share, low, high, n = (
        np.array([row[key] for row in rows]) for key in ("confidence", "accuracy", "low", "high", "n")
    )
    reach = np.maximum(np.stack([share - low, high - share]), 0)
    axes.errorbar(at, share, yerr=reach, fmt="none", ecolor=colour, elinewidth=1.1, capsize=2.5, alpha=0.7)
    axes.plot(at, share, line, color=colour, linewidth=1.5, label=f"{label} ({_counts(n.tolist())})")
    axes.scatter(at, share, s=LARGEST_POINT * n / most, color=colour, marker=marker, zorder=3)


def _counts(n: list[int]) -> str:
    """Records in all, and how many there are to a point."""
    each = f"{min(n):,}" if min(n) == max(n) else f"{min(n):,} to {max(n):,}"
    return f"n = {sum(n):,}, {each} a point"
