"""A made-up run of open questions whose gain is not shown, and one of dialogues that won a search."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from made_parts import (
    around,
    change,
    data_of,
    examples_of,
    metrics_of,
    missing,
    recipe_of,
    run_of,
    sha,
    steps,
)

from medadapt.core.records import Record
from medadapt.core.results import Prediction
from medadapt.report.inputs import ReportInputs

LIKENESS = {
    "rouge1": (0.18, 0.27),
    "rouge2": (0.04, 0.08),
    "rougeL": (0.13, 0.19),
    "bleu": (1.23, 3.91),
    "chrf": (18.2, 24.9),
    "token_f1": (0.17, 0.25),
    "fuzzy": (0.31, 0.36),
    "similarity": (0.52, 0.61),
}


def questions() -> ReportInputs:
    n = 24
    rng = np.random.default_rng(1)
    test, baseline, tuned = [], [], []
    for i in range(n):
        answer = (
            "Symptoms may include:\n- fever and chills\n- tiredness\n- a rash that spreads"
            + " and may last for weeks" * (i % 5)
        )
        question = f"What are the symptoms of condition number {i} ?"
        test.append(
            Record(
                id=f"q{i}",
                source_row=i + 1,
                group=f"g{i}",
                question=question,
                answer=answer,
                qtype="symptoms",
            )
        )
        for model, predictions, nats, text in (
            ("baseline", baseline, 2.4, "The doctor will tell you more about the symptoms."),
            ("tuned", tuned, 2.3, "Symptoms may include fever, tiredness."),
        ):
            predictions.append(
                Prediction(
                    id=f"q{i}",
                    model=model,
                    prompt_sha256=sha(question),
                    text="" if i == 3 else text,
                    nll=40 * (nats + 0.2 * float(rng.standard_normal())),
                    num_tokens=40,
                    num_bytes=160,
                )
            )
    data = data_of(
        "typed_qa",
        "qa",
        "train.csv",
        {"train": 2179, "validation": 272, "test": n},
        {"filtered": 10180, "empty_answer": 14},
    )
    prompt = "### Question Type:\nsymptoms\n\n### Question:\nWhat are the symptoms of gout?\n\n### Answer:"
    trained = " Gout comes with sudden, strong pain in a joint, most often the big toe."
    return ReportInputs(
        recipe=recipe_of("symptom-qa", "typed_qa", "train.csv"),
        run=run_of("symptom-qa"),
        data=data,
        examples=examples_of(prompt, trained),
        steps=steps(400, 2.9, 2.2, 80),
        test=test,
        baseline=baseline,
        tuned=tuned,
        metrics=question_metrics(n),
        prompts={},
    )


def question_metrics(n: int) -> dict[str, Any]:
    metrics = metrics_of("qa", n, "bits_per_byte")
    values = {"bits_per_byte": (0.87, 0.84), "loss": (2.41, 2.33), "perplexity": (11.1, 10.3)}
    for key, pair in values.items():
        _add(metrics, key, pair, 0.05 * pair[0], 0.21, "not shown")
    metrics["detectable_difference"] = 0.071
    nothing = {key: missing("a control gives no likelihood") for key in values}
    metrics["controls"] = {"majority": nothing, "nearest_neighbour": nothing}
    metrics["against_control"] = {
        **dict.fromkeys(("name", "value", "low", "high", "p", "test")),
        "metric": "token_f1",
        "verdict": "not shown",
        "reason": "the tuned model wrote no answers to hold against those of a control",
    }
    rates = {"unparsed": None, "empty": 1 / n, "truncated": 0.083}
    metrics["rates"] = {"baseline": rates, "tuned": rates}
    metrics["groups"] = {
        "qtype": {"symptoms": {"n": n, "baseline": around(0.87, 0.05, n), "tuned": around(0.84, 0.05, n)}}
    }
    return metrics


def _add(
    metrics: dict[str, Any], key: str, pair: tuple[float, float], half: float, p: float, verdict: str
) -> None:
    for model, value in zip(("baseline", "tuned"), pair, strict=True):
        metrics[model][key] = around(value, 0.06 * value, metrics["n"])
    metrics["difference"][key] = change(pair[1] - pair[0], half, p, "paired-bootstrap", verdict)


def dialogue() -> ReportInputs:
    """The run of open questions with everything on it that only dialogues, given splits and searches have."""
    run = questions()
    said = [("system", "You are a doctor."), ("user", "My throat hurts."), ("assistant", "For how long?")]
    said += [("user", "Three days."), ("assistant", "Do you have a fever? " * 60)] * 4
    history = [{"role": role, "content": text} for role, text in said]
    metrics = {**run.metrics, **written_metrics()}
    metrics["leakage"] = {"exact": 0, "near": 2, "threshold": 0.8, "gated": ["exact"], "examples": []}
    for key, pair in LIKENESS.items():
        _add(metrics, key, pair, 0.3 * (pair[1] - pair[0]), 0.003, "better")
    _add_controls(metrics)
    fact = {"repo": "owner/dialogues", "revision": "main", "commit": "c0ffee" * 6, "config": "default"}
    return dataclasses.replace(
        run,
        test=[dataclasses.replace(record, history=history) for record in run.test],
        data={
            **run.data,
            "group_rule": "ready-made",
            "split": {
                "asked": "ready-made splits",
                "got": {"train": 0.88, "validation": 0.11, "test": 0.01},
            },
            "hub": [{**fact, "split": split, "licence": "cc-by-4.0"} for split in ("train", "test")],
            "leakage": metrics["leakage"],
        },
        metrics=metrics,
        run={**run.run, "training": {"backend": "trl", "best_step": 320, "stopped_early": 400}},
        search=search(),
    )


def written_metrics() -> dict[str, Any]:
    """What metrics.json adds where both models wrote answers to open questions."""
    return {
        "signatures": {"bleu": "nrefs:1|case:mixed|tok:13a", "rouge": "rouge-score 0.1.2, F1, no stemmer"},
        "soft_match": {
            "metric": "token_f1",
            "threshold": 0.5,
            "n": 24,
            "errors": {"baseline": 20, "tuned": 13},
            "matrix": {"both_right": 3, "baseline_only": 1, "tuned_only": 8, "neither": 12},
            "value": 7 / 24,
            "low": 0.05,
            "high": 0.5,
            "p": 0.039,
            "test": "mcnemar-exact",
            "reason": None,
        },
        "error_length": {
            "unit": "characters of the question",
            "edges": [20, 60, 100, 140],
            "all": [10, 9, 5],
            "baseline": [8, 8, 4],
            "tuned": [5, 5, 3],
        },
    }


def _add_controls(metrics: dict[str, Any]) -> None:
    """A nearest neighbour nearly as good as the tuned model, and no answer that stands twice."""
    nearest = {
        key: around(0.9 * value, 0.05 * value, metrics["n"]) for key, (_, value) in LIKENESS.items()
    } | {"similarity": missing("only what the models wrote is embedded")}
    repeated = "no training answer stands twice, so none is the most frequent"
    metrics["controls"] = {
        "majority": dict.fromkeys(LIKENESS, missing(repeated)),
        "nearest_neighbour": metrics["controls"]["nearest_neighbour"] | nearest,
    }
    metrics["against_control"] = {
        "name": "nearest_neighbour",
        "metric": "token_f1",
        **change(0.025, 0.04, 0.21, "paired-bootstrap", "not shown"),
    }


def search() -> dict[str, Any]:
    """search.json with trials of each status; 001 won."""
    rates = {"000": (5e-5, "done"), "001": (2e-4, "done"), "002": (4e-4, "stopped"), "003": (0.9, "failed")}
    trials = []
    for place, (name, (rate, status)) in enumerate(rates.items()):
        ends = [10, 20, 30, 40] if status == "done" else [10, 20] if status == "stopped" else []
        curve = [[step, 3.0 - 0.01 * step - (0.2 if name == "001" else 0.0)] for step in ends]
        trials.append(
            {
                "id": name,
                "values": {"training.learning_rate": rate},
                "status": status,
                "steps": ends[-1] if ends else 3,
                "best_step": ends[-1] if ends else None,
                "validation_loss": curve[-1][1] if curve else None,
                "seconds": 60.0 + place,
                "curve": curve,
                "error": "Training diverged: the loss after step 3 is nan." if status == "failed" else None,
            }
        )
    return {
        "schema": 1,
        "metric": "validation_loss",
        "vary": {"training.learning_rate": {"log": [5e-5, 1.0]}},
        "scheduler": "asha",
        "seed": 0,
        "trials": trials,
        "winner": "001",
        "reloaded": {"validation_loss": 2.4, "difference": 2e-8},
        "seconds": 350.0,
    }
