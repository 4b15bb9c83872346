"""The evaluation protocol: what decides how both models are judged, fixed by its hash before anything is tuned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medadapt.core.hashes import sha256_file, sha256_object
from medadapt.core.recipe import Recipe, dump
from medadapt.core.run_folder import RunFolder

FIXED = "evaluation_protocol"
"""The fact of run.json that holds what was fixed: {`sha256`, `values`}, the hash over the values and these."""

DECIDES = (
    "max_new_tokens",
    "choice_by",
    "alpha",
    "bootstrap_samples",
    "soft_match",
    "embedding_model",
    "few_shot",
    "forgetting",
    "forgetting_margin",
)
"""Keys of `evaluation` that decide a figure, a verdict or what the headline has to beat, besides the resolved primary
metric and method. Another number of resamples draws intervals, and each p that is not exact, anew. What only asks in
further ways is no part of the protocol."""


def protocol_values(recipe: Recipe, run: RunFolder) -> dict[str, Any]:
    """The primary metric, how it is measured and tested, how written answers are read, prompt and test records."""
    values = dump(recipe)
    return {
        "primary": recipe.primary,
        "method": recipe.method,
        **{key: values["evaluation"][key] for key in DECIDES},
        "aliases": values["data"]["aliases"] if recipe.method == "generate" else {},
        "prompt": values["prompt"],
        "test_records": sha256_file(run.records / "test.jsonl"),
    }


def protocol_to_fix(recipe: Recipe, run: RunFolder) -> dict[str, Any] | None:
    """What to write down as a training begins, as `FIXED` says; None where there is nothing to fix.

    A training that goes on from a checkpoint keeps what was fixed when it began. An adapter that is only evaluated
    (`training.epochs: 0`) was tuned before this run, so nothing can be fixed before its tuning.
    """
    goes_on = any(run.adapter.glob("checkpoints/*"))
    if goes_on or recipe.training.epochs == 0:
        return None
    values = protocol_values(recipe, run)
    return {"sha256": sha256_object(values), "values": values}


def protocol_facts(recipe: Recipe, run: RunFolder, facts: Mapping[str, Any]) -> dict[str, Any]:
    """`fixed_sha256`, whether that protocol is the one in force (`fixed_before_tuning`), and why it is not known.

    Only what was written down is compared: a version that knows more keys accuses nobody of having changed them.
    """
    fixed = None if recipe.training.epochs == 0 else facts.get(FIXED)
    if not isinstance(fixed, dict):  # versions before the first release wrote a bare hash
        reason = (
            "the adapter was tuned before this run"
            if recipe.training.epochs == 0
            else "no protocol was written down when the training began"
        )
        return {"fixed_sha256": None, "fixed_before_tuning": None, "fixed_reason": reason}
    now = protocol_values(recipe, run)
    changed = sorted(key for key, value in fixed["values"].items() if now.get(key) != value)
    told = f"the evaluation was changed after the training had begun ({', '.join(changed)})"
    return {
        "fixed_sha256": fixed["sha256"],
        "fixed_before_tuning": not changed,
        "fixed_reason": told if changed else None,
    }
