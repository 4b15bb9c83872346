"""At which length of the question the errors of both models lie."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from medadapt.report.figures.drawing import BLUE, GREY, ORANGE, PALE, canvas, png


def error_length(histogram: dict[str, Any]) -> bytes | None:
    """Errors of both models in each bin of lengths, before all test records; None without a bin.

    `histogram` holds `edges` (one more than bins), and counts a bin in `all`, `baseline` and `tuned`;
    `unit` says what was measured. Bins are drawn equally wide, whatever lengths they cover.
    """
    edges, everything = histogram.get("edges") or [], histogram.get("all") or []
    if not everything or len(edges) != len(everything) + 1:
        return None
    at = np.arange(len(everything))
    with canvas(max(6.4, 0.62 * len(at) + 1), 3.9) as figure:
        axes = figure.add_subplot()
        axes.bar(at, everything, width=0.92, color=PALE, edgecolor=GREY, linewidth=0.7, label="all records")
        for name, label, colour, place, hatch in (
            ("baseline", "errors of the base model", ORANGE, -0.2, "//"),
            ("tuned", "errors of the tuned model", BLUE, 0.2, ""),
        ):
            axes.bar(at + place, histogram[name], width=0.34, color=colour, hatch=hatch, edgecolor="white",
                     linewidth=0.6, label=f"{label} ({sum(histogram[name]):,})")  # fmt: skip
        # The edges themselves, between the bars: bins may be of any width.
        axes.set_xticks(np.arange(len(edges)) - 0.5, [f"{edge:,.0f}" for edge in edges])
        if len(edges) > 9:
            axes.tick_params(axis="x", labelrotation=45)
        axes.grid(visible=False, axis="x")
        axes.set_xlabel(f"length ({histogram.get('unit') or 'characters'})")
        axes.set_ylabel(f"test records (n = {sum(everything):,})")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper left", ncols=3, fontsize=9.5)
        return png(figure)
