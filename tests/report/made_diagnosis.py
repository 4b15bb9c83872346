"""A made-up diagnosis run whose gain is shown, below that of a lookup."""

from __future__ import annotations

from typing import Any

import numpy as np
from made_parts import (
    DISEASES,
    SYMPTOMS,
    around,
    change,
    closed_prediction,
    data_of,
    examples_of,
    metrics_of,
    missing,
    recipe_of,
    run_of,
    steps,
    wilson,
)

from medadapt.core.records import Record
from medadapt.core.results import Prediction
from medadapt.report.inputs import ReportInputs

PROMPT = "Given these symptoms: {}\n\nThe disease is:"


def diagnosis(labels: tuple[str, ...] = DISEASES, n: int = 61) -> ReportInputs:
    rng = np.random.default_rng(0)
    test: list[Record] = []
    models: dict[str, list[Prediction]] = {"baseline": [], "tuned": []}
    for i in range(n):
        label, name = labels[i % len(labels)], f"row-{i}"
        question = "; ".join(rng.choice(SYMPTOMS, size=4, replace=False))
        test.append(
            Record(id=name, source_row=i + 1, group=f"g{i}", question=question, answer=label, label=label)
        )
        for model, skill in (("baseline", 0.12), ("tuned", 0.8)):
            models[model].append(
                closed_prediction(name, model, [*labels], label, skill, rng, question=question, boost=6)
            )
    metrics = diagnosis_metrics(labels, test, models)
    data = data_of(
        "symptom_table",
        "diagnosis",
        "dataset.csv",
        {"train": 213, "validation": 30, "test": n},
        {"duplicate": 4616},
    )
    data["labels_without_test"] = ["Smallpox"]
    data["leakage"] = metrics["leakage"]
    return ReportInputs(
        recipe=recipe_of("symptoms", "symptom_table", "dataset.csv"),
        run=run_of("symptoms"),
        data=data,
        examples=examples_of(PROMPT.format("fever; cough; fatigue"), " Influenza"),
        steps=steps(90, 3.2, 0.3, 10),
        test=test,
        baseline=models["baseline"],
        tuned=models["tuned"],
        metrics=metrics,
        prompts={record.id: PROMPT.format(record.question) for record in test},
    )


def diagnosis_metrics(
    labels: tuple[str, ...], test: list[Record], models: dict[str, list[Prediction]]
) -> dict[str, Any]:
    n = len(test)
    metrics = metrics_of("diagnosis", n, "accuracy")
    marks = {
        model: [p.choice == r.label for p, r in zip(predictions, test, strict=True)]
        for model, predictions in models.items()
    }
    for model, loss in (("baseline", 2.1), ("tuned", 0.4)):
        right = sum(marks[model])
        metrics[model] = {
            "accuracy": wilson(right, n),
            "macro_f1": around(right / n * 0.95, 0.02, n),
            "loss": around(loss, 0.05, n),
            "perplexity": around(8.2 if model == "baseline" else 1.5, 0.1, n),
            "bits_per_byte": around(1.2 if model == "baseline" else 0.2, 0.05, n),
        }
    gain = metrics["tuned"]["accuracy"]["value"] - metrics["baseline"]["accuracy"]["value"]
    metrics["difference"] = {
        "accuracy": change(gain, 0.12, 1e-9, "mcnemar-exact", "better"),
        "macro_f1": change(gain * 0.95, 0.13, 0.0002, "paired-bootstrap", "better"),
        "loss": change(-1.7, 0.2, 0.0002, "paired-bootstrap", "better"),
        "perplexity": change(-6.7, 0.4, 0.0002, "paired-bootstrap", "better"),
        "bits_per_byte": change(-1.0, 0.1, 0.0002, "paired-bootstrap", "better"),
    }
    pairs = list(zip(marks["baseline"], marks["tuned"], strict=True))
    metrics["paired"] = {
        "both_right": pairs.count((True, True)),
        "baseline_only": pairs.count((True, False)),
        "tuned_only": pairs.count((False, True)),
        "neither": pairs.count((False, False)),
    }
    return metrics | controls_and_leakage(n) | confusions(labels, test, models)


def controls_and_leakage(n: int) -> dict[str, Any]:
    nothing = missing("makes no likelihoods")
    return {
        "controls": {
            "majority": {"accuracy": wilson(2, n), "macro_f1": around(0.01, 0.01, n), "loss": nothing},
            "nearest_neighbour": {"accuracy": wilson(n, n), "macro_f1": around(1.0, 0.0, n), "loss": nothing},
        },
        "against_control": {
            "name": "nearest_neighbour",
            "value": -0.16,
            "low": -0.28,
            "high": -0.08,
            "p": 0.002,
            "verdict": "worse",
        },
        "leakage": {
            "exact": 0,
            "near": 28,
            "threshold": 0.8,
            "gated": ["exact"],
            "examples": [{"test": "row-3", "seen": "row-99", "exact": False}],
        },
    }


def confusions(
    labels: tuple[str, ...], test: list[Record], models: dict[str, list[Prediction]]
) -> dict[str, Any]:
    """Confusion matrices, and the classification report made from them."""
    matrices = {}
    for model, predictions in models.items():
        matrix = np.zeros((len(labels), len(labels)), dtype=int)
        for record, prediction in zip(test, predictions, strict=True):
            matrix[labels.index(str(record.label)), labels.index(str(prediction.choice))] += 1
        matrices[model] = matrix
    per_class = {model: _per_class(labels, matrix) for model, matrix in matrices.items()}
    return {
        "confusion": {
            "labels": list(labels),
            **{model: matrix.tolist() for model, matrix in matrices.items()},
        },
        "per_class": per_class,
        "classification_report": {model: _totals(rows) for model, rows in per_class.items()},
    }


def _per_class(labels: tuple[str, ...], matrix: Any) -> dict[str, Any]:
    table = {}
    for i, label in enumerate(labels):
        right, support, named = int(matrix[i, i]), int(matrix[i].sum()), int(matrix[:, i].sum())
        table[label] = {
            "precision": right / named if named else 0.0,
            "recall": right / support if support else 0.0,
            "f1": 2 * right / (support + named) if support + named else 0.0,
            "support": support,
        }
    return table


def _totals(rows: dict[str, Any]) -> dict[str, Any]:
    keys, support = ("precision", "recall", "f1"), [row["support"] for row in rows.values()]
    table = np.array([[row[key] for key in keys] for row in rows.values()])
    means = {
        "macro avg": table.mean(axis=0),
        "weighted avg": np.average(table, axis=0, weights=support),
    }
    return {
        "accuracy": float(means["weighted avg"][1]),
        **{
            name: {**dict(zip(keys, mean.tolist(), strict=True)), "support": sum(support)}
            for name, mean in means.items()
        },
    }
