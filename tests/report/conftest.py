"""Runs of each task as the report sees them, with figures that hang together."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from medadapt.core.records import LETTERS, Record
from medadapt.core.results import Difference, Estimate, Prediction
from medadapt.report.inputs import ReportInputs

DISEASES = (
    "Acne",
    "Allergy",
    "Angina",
    "Arthritis",
    "Asthma",
    "Bronchitis",
    "Chickenpox",
    "Cholera",
    "Cirrhosis",
    "Common cold",
    "Dengue",
    "Dermatitis",
    "Diabetes",
    "Diverticulitis",
    "Dysentery",
    "Eczema",
    "Epilepsy",
    "Gallstones",
    "Gastroenteritis",
    "Gout",
    "Heart attack",
    "Hepatitis A",
    "Hepatitis B",
    "Hypertension",
    "Hyperthyroidism",
    "Hypoglycaemia",
    "Hypothyroidism",
    "Impetigo",
    "Influenza",
    "Jaundice",
    "Malaria",
    "Migraine",
    "Osteoarthritis",
    "Peptic ulcer disease",
    "Pneumonia",
    "Psoriasis",
    "Tuberculosis",
    "Typhoid",
    "Urinary tract infection",
    "Varicose veins",
    "(vertigo) Paroxysmal  Positional Vertigo",
)
SYMPTOMS = (
    "fever",
    "cough",
    "itching",
    "joint pain",
    "nausea",
    "fatigue",
    "headache",
    "skin rash",
    "chest pain",
    "thirst",
)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def wilson(right: int, n: int) -> dict[str, Any]:
    z = 1.959964
    middle, half = (
        (right + z * z / 2) / (n + z * z),
        z / (n + z * z) * math.sqrt(right * (n - right) / n + z * z / 4),
    )
    return asdict(Estimate(value=right / n, low=max(0.0, middle - half), high=min(1.0, middle + half), n=n))


def around(value: float, half: float, n: int) -> dict[str, Any]:
    return asdict(Estimate(value=value, low=value - half, high=value + half, n=n))


def missing(reason: str) -> dict[str, Any]:
    return asdict(Estimate(value=None, low=None, high=None, n=0, reason=reason))


def change(value: float, half: float, p: float, test: str, verdict: Any) -> dict[str, Any]:
    return asdict(
        Difference(value=value, low=value - half, high=value + half, p=p, test=test, verdict=verdict)
    )


def steps(number: int, first: float, last: float, eval_every: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    rows = []
    for step in range(1, number + 1):
        share = step / number
        loss = (
            last
            + (first - last) * math.exp(-5 * share)
            + 0.08 * float(rng.standard_normal()) * (1 - 0.6 * share)
        )
        row = {
            "step": step,
            "loss": abs(loss),
            "learning_rate": 2e-4 * (1 - share),
            "grad_norm": 1.0,
            "tokens": 280,
            "seconds": 0.21,
        }
        if step % eval_every == 0:
            row["validation_loss"] = last + 0.12 + (first - last) * math.exp(-5 * share) + 0.25 * share**4
        rows.append(row)
    return rows


def metrics_of(task: str, n: int, primary: str) -> dict[str, Any]:
    versions = {"medadapt": "0.1.0", "torch": "2.13.0", "transformers": "5.17.0", "peft": "0.20.0"}
    return {
        "schema": 1,
        "task": task,
        "primary": primary,
        "n": n,
        "alpha": 0.05,
        "protocol": {
            "records_sha256": sha("records"),
            "prompt_sha256": sha("prompts"),
            "base": "facebook/opt-1.3b",
            "base_sha256": sha("base"),
            "adapter_sha256": sha("adapter"),
            "seed": 0,
            "dtype": "bfloat16",
            "versions": versions,
        },
        "baseline": {},
        "tuned": {},
        "difference": {},
        "controls": {},
        "against_control": {"name": None, "reason": "no control"},
        "detectable_difference": 0.16,
        "leakage": {"exact": 0, "near": 0, "threshold": 0.8, "gated": ["exact", "near"], "examples": []},
        "rates": {m: {"unparsed": None, "empty": None, "truncated": 0.0} for m in ("baseline", "tuned")},
        "groups": {},
        "calibration": {"reason": "not measured"},
        "findings": [],
    }


def run_of(name: str) -> dict[str, Any]:
    return {
        "schema": 1,
        "name": name,
        "status": "running",
        "smoke": False,
        "threads": 2,
        "resume": f"medadapt run runs/{name}",
        "device": {"type": "cpu", "name": "2-core CPU with AMX"},
        "precision": {"asked": "auto", "got": "bf16"},
        "quantization": {"asked": "none", "got": "none"},
        "attention": {"asked": "auto", "got": "sdpa"},
        "trainable": {"parameters": 14155776, "total": 1329913856, "share": 0.01064},
        "stages": {
            "prepare": {"status": "done", "seconds": 1.4},
            "train": {"status": "done", "seconds": 1312.0},
        },
        "versions": {"python": "3.11.9", "torch": "2.13.0"},
    }


def recipe_of(name: str, data_format: str, source: str) -> dict[str, Any]:
    return {
        "name": name,
        "data": {"format": data_format, "source": source},
        "prompt": {"template": "auto", "chat_template": "never"},
        "model": {"base": "facebook/opt-1.3b", "quantization": "none"},
        "lora": {"rank": 16, "alpha": 32.0, "dropout": 0.05, "targets": "all-linear", "variant": "lora"},
        "training": {
            "epochs": 3.0,
            "batch_size": 8,
            "learning_rate": 2e-4,
            "schedule": "cosine",
            "warmup": 0.1,
        },
        "evaluation": {"primary": "auto", "method": "auto", "bootstrap_samples": 10000},
        "seed": 0,
    }


def examples_of(prompt: str, trained: str) -> dict[str, Any]:
    lengths = {"p50": 33, "p90": 61, "p99": 70, "max": 74}
    tally = {"examples": 213, "prompts_cut": 0, "answers_cut": 2, "trained_share": 0.121, "length": lengths}
    wording = {"template": "symptoms", "system": None, "options": False, "answer": "text"}
    return {
        "plan": {"wording": wording, "chat": False, "max_length": 2048, "closing": "</s>", "labels": []},
        "splits": {"train": tally, "validation": {**tally, "examples": 30, "length": None}, "test": tally},
        "preview": [{"id": "row-7", "prompt": prompt, "trained": trained}],
        "dropped": 0,
    }


def data_of(
    data_format: str, task: str, source: str, counts: dict[str, int], dropped: dict[str, int]
) -> dict[str, Any]:
    return {
        "format": data_format,
        "task": task,
        "sources": {source: sha(source)},
        "encoding": {source: "utf-8"},
        "rows": sum(counts.values()) + sum(dropped.values()),
        "counts": {**counts, "dropped": sum(dropped.values())},
        "dropped": dropped,
        "repairs": {"spaces_trimmed": 35970, "underscores_replaced": 36648},
        "labels_without_test": [],
        "groups": 304,
        "largest_group": 1,
        "group_rule": "exact",
        "leakage": {"exact": 0, "near": 0, "examples": []},
        "licence": "unknown: the files state none; ask where they come from",
        "seed": 0,
    }


def diagnosis(labels: tuple[str, ...] = DISEASES, n: int = 61) -> ReportInputs:
    rng = np.random.default_rng(0)
    test, baseline, tuned = [], [], []
    for i in range(n):
        label = labels[i % len(labels)]
        question = "; ".join(rng.choice(SYMPTOMS, size=4, replace=False))
        test.append(
            Record(
                id=f"row-{i}", source_row=i + 1, group=f"g{i}", question=question, answer=label, label=label
            )
        )
        for model, predictions, skill in (("baseline", baseline, 0.12), ("tuned", tuned, 0.8)):
            logits = rng.standard_normal(len(labels))
            if rng.random() < skill:
                logits[labels.index(label)] += 6
            probabilities = np.exp(logits) / np.exp(logits).sum()
            predictions.append(
                Prediction(
                    id=f"row-{i}",
                    model=model,
                    prompt_sha256=sha(question),
                    choice=labels[int(logits.argmax())],
                    scores=dict(zip(labels, logits.tolist(), strict=True)),
                    probabilities=dict(zip(labels, probabilities.tolist(), strict=True)),
                    nll=2.0,
                    num_tokens=4,
                    num_bytes=12,
                )
            )
    metrics = metrics_of("diagnosis", n, "accuracy")
    marks = {
        m: [p.choice == r.label for p, r in zip(ps, test, strict=True)]
        for m, ps in (("baseline", baseline), ("tuned", tuned))
    }
    for model in ("baseline", "tuned"):
        metrics[model] = {
            "accuracy": wilson(sum(marks[model]), n),
            "macro_f1": around(sum(marks[model]) / n * 0.95, 0.02, n),
            "loss": around(2.1 if model == "baseline" else 0.4, 0.05, n),
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
    metrics["controls"] = {
        "majority": {
            "accuracy": wilson(2, n),
            "macro_f1": around(0.01, 0.01, n),
            "loss": missing("makes no likelihoods"),
        },
        "nearest_neighbour": {
            "accuracy": wilson(n, n),
            "macro_f1": around(1.0, 0.0, n),
            "loss": missing("makes no likelihoods"),
        },
    }
    metrics["against_control"] = {
        "name": "nearest_neighbour",
        "value": -0.16,
        "low": -0.28,
        "high": -0.08,
        "p": 0.002,
        "verdict": "worse",
    }
    metrics["leakage"] = {
        "exact": 0,
        "near": 28,
        "threshold": 0.8,
        "gated": ["exact"],
        "examples": [{"test": "row-3", "seen": "row-99", "exact": False}],
    }
    matrices = {}
    for model, predictions in (("baseline", baseline), ("tuned", tuned)):
        matrix = np.zeros((len(labels), len(labels)), dtype=int)
        for record, prediction in zip(test, predictions, strict=True):
            matrix[labels.index(str(record.label)), labels.index(str(prediction.choice))] += 1
        matrices[model] = matrix
    metrics["confusion"] = {
        "labels": list(labels),
        **{model: matrix.tolist() for model, matrix in matrices.items()},
    }
    metrics["per_class"] = {model: _per_class(labels, matrix) for model, matrix in matrices.items()}
    data = data_of(
        "symptom_table",
        "diagnosis",
        "dataset.csv",
        {"train": 213, "validation": 30, "test": n},
        {"duplicate": 4616},
    )
    data["labels_without_test"] = ["Smallpox"]
    data["leakage"] = metrics["leakage"]
    prompt = "Given these symptoms: fever; cough; fatigue\n\nThe disease is:"
    return ReportInputs(
        recipe=recipe_of("symptoms", "symptom_table", "dataset.csv"),
        run=run_of("symptoms"),
        data=data,
        examples=examples_of(prompt, " Influenza"),
        steps=steps(90, 3.2, 0.3, 10),
        test=test,
        baseline=baseline,
        tuned=tuned,
        metrics=metrics,
        prompts={record.id: f"Given these symptoms: {record.question}\n\nThe disease is:" for record in test},
    )


def _per_class(labels: tuple[str, ...], matrix: Any) -> dict[str, Any]:
    table = {}
    for i, label in enumerate(labels):
        right, support, named = int(matrix[i, i]), int(matrix[i].sum()), int(matrix[:, i].sum())
        recall, precision = (right / support if support else None), (right / named if named else None)
        table[label] = {
            "precision": precision,
            "recall": recall,
            "f1": 2 * right / (support + named) if support + named else None,
            "support": support,
        }
    return table


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
        for model, predictions, nats in (("baseline", baseline, 2.4), ("tuned", tuned, 2.3)):
            text = (
                "The doctor will tell you more about the symptoms."
                if model == "baseline"
                else "Symptoms may include fever, tiredness."
            )
            nll = 40 * (nats + 0.2 * float(rng.standard_normal()))
            predictions.append(
                Prediction(
                    id=f"q{i}",
                    model=model,
                    prompt_sha256=sha(question),
                    text="" if i == 3 else text,
                    nll=nll,
                    num_tokens=40,
                    num_bytes=160,
                )
            )
    metrics = metrics_of("qa", n, "bits_per_byte")
    values = {"bits_per_byte": (0.87, 0.84), "loss": (2.41, 2.33), "perplexity": (11.1, 10.3)}
    for key, pair in values.items():
        for model, value in zip(("baseline", "tuned"), pair, strict=True):
            metrics[model][key] = around(value, 0.06 * value, n)
        metrics["difference"][key] = change(
            pair[1] - pair[0], 0.05 * pair[0], 0.21, "paired-bootstrap", "not shown"
        )
    metrics["detectable_difference"] = 0.071
    nothing = {key: missing("open answers need a text measure") for key in values}
    metrics["controls"] = {"majority": nothing, "nearest_neighbour": nothing}
    metrics["against_control"] = {
        "name": None,
        "value": None,
        "low": None,
        "high": None,
        "p": None,
        "verdict": "not shown",
        "reason": "open answers have no majority or nearest-neighbour control yet",
    }
    metrics["rates"] = {
        "baseline": {"unparsed": None, "empty": 1 / n, "truncated": 0.083},
        "tuned": {"unparsed": None, "empty": 1 / n, "truncated": 0.083},
    }
    metrics["groups"] = {
        "qtype": {"symptoms": {"n": n, "baseline": around(0.87, 0.05, n), "tuned": around(0.84, 0.05, n)}}
    }
    data = data_of(
        "typed_qa",
        "qa",
        "train.csv",
        {"train": 2179, "validation": 272, "test": n},
        {"filtered": 10180, "empty_answer": 14},
    )
    prompt = "### Question Type:\nsymptoms\n\n### Question:\nWhat are the symptoms of gout?\n\n### Answer:"
    return ReportInputs(
        recipe=recipe_of("symptom-qa", "typed_qa", "train.csv"),
        run=run_of("symptom-qa"),
        data=data,
        examples=examples_of(
            prompt, " Gout comes with sudden, strong pain in a joint, most often the big toe."
        ),
        steps=steps(400, 2.9, 2.2, 80),
        test=test,
        baseline=baseline,
        tuned=tuned,
        metrics=metrics,
        prompts={},
    )


def choices() -> ReportInputs:
    n = 120
    rng = np.random.default_rng(2)
    test, baseline, tuned = [], [], []
    for i in range(n):
        options = [f"Option text {letter} of question {i}" for letter in "ABCD"]
        index = int(rng.integers(4))
        subject = ("Anatomy", "Pharmacology", "Medicine")[i % 3]
        question = f"Which of these structures lies next to structure {i} in the adult?"
        test.append(
            Record(
                id=f"m{i}",
                source_row=i + 1,
                group=f"g{i}",
                question=question,
                answer=options[index],
                options=options,
                answer_index=index,
                subject=subject,
            )
        )
        for model, predictions, skill in (("baseline", baseline, 0.3), ("tuned", tuned, 0.28)):
            logits = rng.standard_normal(4)
            if rng.random() < skill:
                logits[index] += 3
            probabilities = np.exp(logits) / np.exp(logits).sum()
            predictions.append(
                Prediction(
                    id=f"m{i}",
                    model=model,
                    prompt_sha256=sha(question),
                    choice=LETTERS[int(logits.argmax())],
                    scores=dict(zip("ABCD", logits.tolist(), strict=True)),
                    probabilities=dict(zip("ABCD", probabilities.tolist(), strict=True)),
                    nll=1.4,
                    num_tokens=1,
                    num_bytes=1,
                )
            )
    metrics = metrics_of("multiple_choice", n, "accuracy")
    marks = {
        m: [p.choice == LETTERS[r.answer_index or 0] for p, r in zip(ps, test, strict=True)]
        for m, ps in (("baseline", baseline), ("tuned", tuned))
    }
    for model in ("baseline", "tuned"):
        metrics[model] = {"accuracy": wilson(sum(marks[model]), n), "loss": around(1.4, 0.1, n)}
    gain = metrics["tuned"]["accuracy"]["value"] - metrics["baseline"]["accuracy"]["value"]
    metrics["difference"] = {
        "accuracy": change(gain, 0.11, 0.63, "mcnemar-exact", "not shown"),
        "loss": change(0.002, 0.05, 0.9, "paired-bootstrap", "not shown"),
    }
    metrics["controls"] = {
        "majority": {"accuracy": wilson(34, n)},
        "nearest_neighbour": {"accuracy": wilson(31, n)},
    }
    metrics["against_control"] = {
        "name": "majority",
        "value": 0.05,
        "low": -0.07,
        "high": 0.17,
        "p": 0.4,
        "verdict": "not shown",
    }
    metrics["leakage"] = {
        "exact": 2,
        "near": 3,
        "threshold": 0.8,
        "gated": ["exact", "near"],
        "examples": [{"test": "m3", "seen": "m999", "exact": True}],
    }
    metrics["findings"] = [
        {
            "kind": "leak",
            "exit_code": 3,
            "problem": "2 test records also occur in train or validation.",
            "remedy": "Split by group, or set data.allow_leak: true.",
        }
    ]
    metrics["groups"] = {
        "subject": {
            s: {"n": 40, "baseline": wilson(14, 40), "tuned": wilson(15, 40)}
            for s in ("Anatomy", "Pharmacology", "Medicine")
        }
    }
    metrics["confusion"] = {
        "labels": list("ABCD"),
        "baseline": [[8, 7, 7, 8]] * 4,
        "tuned": [[9, 7, 7, 7]] * 4,
    }
    data = data_of(
        "multiple_choice",
        "multiple_choice",
        "medmcqa_validation.jsonl",
        {"train": 960, "validation": 120, "test": n},
        {"bad_options": 3},
    )
    prompt = "Question: Which nerve supplies the diaphragm?\nChoices:\nA. Vagus\nB. Phrenic\nAnswer:"
    return ReportInputs(
        recipe=recipe_of("exam", "multiple_choice", "medmcqa_validation.jsonl"),
        run=run_of("exam"),
        data=data,
        examples=examples_of(prompt, " B"),
        steps=steps(60, 1.6, 1.3, 20),
        test=test,
        baseline=baseline,
        tuned=tuned,
        metrics=metrics,
        prompts={},
    )


@pytest.fixture
def diagnosis_inputs() -> Callable[..., ReportInputs]:
    """Builds a diagnosis run with 41 labels, or those given."""
    return diagnosis


@pytest.fixture
def qa_inputs() -> Callable[..., ReportInputs]:
    """Builds a run of open questions whose gain is not shown."""
    return questions


@pytest.fixture
def choice_inputs() -> Callable[..., ReportInputs]:
    """Builds a multiple-choice run with a leak."""
    return choices


@pytest.fixture(params=["diagnosis", "qa", "multiple_choice"])
def inputs(request: pytest.FixtureRequest) -> ReportInputs:
    """A run of each task in turn."""
    few = DISEASES[:6]
    return {"diagnosis": lambda: diagnosis(few), "qa": questions, "multiple_choice": choices}[request.param]()
