"""How much the result changes when only the seed of training does.

The interval of a difference says how far it would move with other test records. It knows nothing of the seed,
which decides the first weights of the adapter, the order of the examples and what dropout leaves out; on small
data sets that alone can turn a verdict (Dodge et al. 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from medadapt.core.results import Metrics


def seed_spread(measured: Mapping[int, Metrics]) -> dict[str, Any]:
    """The content of seeds.json: the primary metric of the same run under several training seeds.

    `measured` holds the metrics.json of each seed, that of the recipe first, all on the same test records.
    `values` are the tuned model's, `difference` is tuned - baseline, `verdicts` are theirs; `failed` names, by seed,
    the gates that failed (`diverged`, `regression`), and such a seed counts like any other. `mean`, `sd` (of a
    sample), `low` and `high` (the smallest and the largest) are of the differences. `sampling_interval` is the
    interval of the difference under the recipe's seed.
    """
    first = next(iter(measured.values()))
    primary = first["primary"]
    leaves = {str(seed): metrics["difference"][primary] for seed, metrics in measured.items()}
    shifts = [leaf["value"] for leaf in leaves.values()]
    return {
        "seeds": list(measured),
        "primary": primary,
        "alpha": first["alpha"],
        "n": first["n"],
        "values": {str(seed): metrics["tuned"][primary]["value"] for seed, metrics in measured.items()},
        "difference": {seed: leaf["value"] for seed, leaf in leaves.items()},
        "verdicts": {seed: leaf["verdict"] for seed, leaf in leaves.items()},
        "failed": {str(seed): failed for seed, metrics in measured.items() if (failed := _failed(metrics))},
        **_spread(shifts),
        "sampling_interval": {
            key: first["difference"][primary][key] for key in ("value", "low", "high", "reason")
        },
    }


def _failed(metrics: Metrics) -> list[str]:
    return [finding["kind"] for finding in metrics.get("findings") or [] if finding["exit_code"]]


def _spread(shifts: list[float | None]) -> dict[str, Any]:
    known = [shift for shift in shifts if shift is not None]
    if len(known) < len(shifts):
        reason = "the difference could not be computed for every seed"
    elif len(known) < 2:
        reason = "a spread needs at least two seeds"
    else:
        return {
            "mean": float(np.mean(known)),
            "sd": float(np.std(known, ddof=1)),
            "low": min(known),
            "high": max(known),
            "reason": None,
        }
    return {"mean": None, "sd": None, "low": None, "high": None, "reason": reason}
