"""What metrics.json adds to a made-up run: more controls, layers of overlap, a clean subset, ways of scoring."""

from __future__ import annotations

import dataclasses
from typing import Any

from made_calibration import model_of
from made_choices import choices
from made_diagnosis import diagnosis
from made_parts import DISEASES, around, change, missing, sha, wilson
from made_questions import dialogue

from medadapt.report.inputs import ReportInputs


def proven_diagnosis() -> ReportInputs:
    """A diagnosis run with every control; word counts reach as much as a copied answer."""
    inputs = diagnosis(DISEASES[:6])
    n = inputs.metrics["n"]
    added = {
        "controls": {
            **inputs.metrics["controls"],
            "class_prior": {"accuracy": wilson(4, n), "macro_f1": around(0.05, 0.02, n)},
            "tfidf": {"accuracy": wilson(n, n), "macro_f1": around(1.0, 0.0, n)},
            "longest_option": {"accuracy": missing("a diagnosis has no options")},
            "options_only": {"accuracy": missing("a diagnosis has no options")},
            "few_shot": {"accuracy": wilson(22, n), "macro_f1": around(0.3, 0.05, n)},
        },
        "against_control": {
            "name": "tfidf",
            "metric": "accuracy",
            **change(-0.29, 0.1, 0.001, "mcnemar-exact", "worse"),
        },
        "against_few_shot": {"metric": "accuracy", **change(0.34, 0.1, 0.0002, "mcnemar-exact", "better")},
        "calibration": {
            "n": n,
            "few": True,
            "baseline": model_of(0.4, 0.3),
            "tuned": model_of(0.8, 0.7),
        },
        "scoring_rules": {
            rule: {
                "baseline": wilson(8, n),
                "tuned": wilson(43, n),
                "difference": change(0.57, 0.1, 1e-6, "mcnemar-exact", "better"),
            }
            for rule in ("sum", "per_token", "per_byte", "relative")
        },
        "permutations": {"reason": "a diagnosis has no options"},
    }
    return _proven(inputs, added)


def proven_choices() -> ReportInputs:
    """A multiple-choice run whose options were moved; hiding the question does as little harm as tuning does good."""
    inputs = choices()
    n = inputs.metrics["n"]
    added = {
        "controls": {
            **inputs.metrics["controls"],
            "options_only": {"accuracy": wilson(36, n)},
            "few_shot": {"accuracy": wilson(33, n)},
        },
        "against_control": {
            "name": "options_only",
            "metric": "accuracy",
            **change(0.01, 0.1, 0.9, "mcnemar-exact", "not shown"),
        },
        "against_few_shot": {"metric": "accuracy", **change(0.03, 0.1, 0.7, "mcnemar-exact", "not shown")},
        "permutations": {
            "count": 4,
            "flip_rate": {"baseline": wilson(80, n), "tuned": wilson(60, n)},
            "accuracy": {
                model: {"mean": 0.3, "lowest": 0.25, "highest": 0.35} for model in ("baseline", "tuned")
            },
        },
    }
    return _proven(inputs, added)


def proven_questions() -> ReportInputs:
    """A run of open questions whose answers are half boilerplate."""
    inputs = dialogue()
    passage = {"text": "talk to your doctor about the best treatment", "train": 112, "test": 9}
    boilerplate = {"share": 0.31, "words": 0.47, "passage": passage, "reason": None}
    added = {
        "leakage": {
            **_overlap(inputs),
            "boilerplate": boilerplate,
        },
        "forgetting": {
            "margin": 0.05,
            "one_sided_alpha": 0.05,
            "verdict": "lost",
            "kinds": {
                "prose": {
                    "n": 40,
                    "baseline": {"loss": around(3.1, 0.1, 40)},
                    "tuned": {"loss": around(3.4, 0.1, 40)},
                    "rise": {"value": 0.3, "low": 0.2, "high": 0.4},
                    "verdict": "lost",
                }
            },
        },
    }
    return _proven(inputs, added)


def _proven(inputs: ReportInputs, added: dict[str, Any]) -> ReportInputs:
    """The run with the additions, p-values adjusted, a clean subset and a protocol that was fixed."""
    metrics = inputs.metrics
    primary = metrics["primary"]
    adjusted = {
        key: {**leaf, "p_adjusted": None if key == primary else min(1.0, 4 * leaf["p"])}
        for key, leaf in metrics["difference"].items()
    }
    protocol = {**metrics["protocol"], "fixed_sha256": sha("protocol"), "fixed_before_tuning": True}
    return dataclasses.replace(
        inputs,
        metrics={
            **metrics,
            "difference": adjusted,
            "protocol": protocol,
            "leakage": _overlap(inputs),
            "clean": clean(inputs),
            **added,
        },
    )


def _overlap(inputs: ReportInputs) -> dict[str, Any]:
    """Layers of overlap, in which the first test records are flagged."""
    metrics, n = inputs.metrics, inputs.metrics["n"]
    first, second, *_ = inputs.test
    counts = {"n": n, "median_share": 0.1, "threshold": 0.5, "width": 8}
    return {
        **metrics["leakage"],
        "question_containment": {"count": 4, **counts},
        "answer_containment": {"count": 3, **counts, "exact": 1},
        "boilerplate": {"share": None, "words": None, "passage": None, "reason": "labels repeat by nature"},
        "flagged": {first.id: ["near", "question"], second.id: ["near"]},
    }


def clean(inputs: ReportInputs, verdict: str = "not shown") -> dict[str, Any]:
    """The clean subset: all test records but five."""
    metrics = inputs.metrics
    return {
        "n": metrics["n"] - 5,
        "left_out": {"exact": 0, "near": 3, "question": 4},
        "baseline": metrics["baseline"],
        "tuned": metrics["tuned"],
        "difference": {key: {**leaf, "verdict": verdict} for key, leaf in metrics["difference"].items()},
        "reason": None,
    }
