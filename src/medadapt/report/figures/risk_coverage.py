"""How often a model is wrong when it answers only what it is surest of."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import PercentFormatter

from medadapt.report.figures.drawing import BLUE, ORANGE, canvas, png

MODELS = {"baseline": ("base model", ORANGE, "--"), "tuned": ("tuned model", BLUE, "-")}
FEWEST = 5
"""Answers below which a share wrong is no more than luck and is not drawn."""


def risk_coverage(curves: dict[str, list[dict[str, Any]]], n: int) -> bytes | None:
    """Share wrong against share answered of n test records, with intervals; None without a point to draw.

    `curves` holds, by model, points of `coverage`, `risk`, `low` and `high`, from few answers to all.
    """
    drawn = {
        name: [point for point in points if point["coverage"] * n >= min(FEWEST, n)]
        for name, points in curves.items()
        if name in MODELS and points
    }
    if not drawn:
        return None
    with canvas(6.4, 3.9) as figure:
        axes = figure.add_subplot()
        for name, points in drawn.items():
            label, colour, line = MODELS[name]
            at, risk, low, high = (
                np.array([point[key] for point in points]) for key in ("coverage", "risk", "low", "high")
            )
            axes.fill_between(at, low, high, color=colour, alpha=0.16, linewidth=0)
            axes.plot(at, risk, line, color=colour, linewidth=2, label=label)
            axes.plot(at[-1], risk[-1], "o", color=colour, markersize=5)
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, min(1.0, 1.05 * max(p["high"] for points in drawn.values() for p in points)))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_xlabel(f"share of the questions answered, the surest first (n = {n:,})")
        axes.set_ylabel("share wrong of those answered")
        figure.legend(loc="outside upper left", ncols=2, fontsize=9.5)
        return png(figure)
