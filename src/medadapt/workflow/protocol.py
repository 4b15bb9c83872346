"""The evaluation protocol: what decides how both models are judged, fixed by its hash before anything is tuned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medadapt.core.hashes import sha256_file, sha256_object
from medadapt.core.recipe import Recipe, dump
from medadapt.core.run_folder import RunFolder

FIXED = "evaluation_protocol"
"""The fact of run.json that holds the hash."""

DECIDES = (
    "max_new_tokens",
    "choice_by",
    "alpha",
    "soft_match",
    "embedding_model",
    "few_shot",
    "forgetting",
    "forgetting_margin",
)
"""Keys of `evaluation` that decide a figure, a verdict or what the headline has to beat, besides the resolved primary
metric and method. What only makes intervals more exact, or asks in further ways, is no part of the protocol."""


def protocol_sha256(recipe: Recipe, run: RunFolder) -> str:
    """Hash over the primary metric, how it is measured and tested, the prompt, and the test records."""
    values = dump(recipe)
    return sha256_object(
        {
            "primary": recipe.primary,
            "method": recipe.method,
            **{key: values["evaluation"][key] for key in DECIDES},
            "prompt": values["prompt"],
            "test_records": sha256_file(run.records / "test.jsonl"),
        }
    )


def protocol_to_fix(recipe: Recipe, run: RunFolder) -> str | None:
    """The hash to write down as a training begins; None where there is none to fix.

    A training that goes on from a checkpoint keeps what was fixed when it began. An adapter that is only evaluated
    (`training.epochs: 0`) was tuned before this run, so nothing can be fixed before its tuning.
    """
    goes_on = any(run.adapter.glob("checkpoints/*"))
    return None if goes_on or recipe.training.epochs == 0 else protocol_sha256(recipe, run)


def protocol_facts(recipe: Recipe, run: RunFolder, facts: Mapping[str, Any]) -> dict[str, Any]:
    """`fixed_sha256`, whether that protocol is the one in force (`fixed_before_tuning`), and why it is not known."""
    fixed = None if recipe.training.epochs == 0 else facts.get(FIXED)
    if fixed is None:
        reason = (
            "the adapter was tuned before this run"
            if recipe.training.epochs == 0
            else "no protocol was written down when the training began"
        )
        return {"fixed_sha256": None, "fixed_before_tuning": None, "fixed_reason": reason}
    before = fixed == protocol_sha256(recipe, run)
    changed = None if before else "the evaluation was changed after the training had begun"
    return {"fixed_sha256": fixed, "fixed_before_tuning": before, "fixed_reason": changed}
