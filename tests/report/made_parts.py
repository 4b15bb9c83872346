"""Parts of made-up runs: estimates, steps, and the files of a run with figures that hang together."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict
from typing import Any

import numpy as np

from medadapt.core.results import Difference, Estimate, Prediction

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
        "shown_prompt": {
            "prompt": "Given these symptoms: {question}\n\nThe disease is:",
            "stops": ["</s>"],
        },
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


def closed_prediction(
    name: str,
    model: str,
    answers: list[str],
    right: str,
    skill: float,
    rng: Any,
    *,
    question: str,
    boost: float,
) -> Prediction:
    """Scores drawn at random, in which the right answer stands out with probability `skill`."""
    logits = rng.standard_normal(len(answers))
    if rng.random() < skill:
        logits[answers.index(right)] += boost
    probabilities = np.exp(logits) / np.exp(logits).sum()
    return Prediction(
        id=name,
        model=model,
        prompt_sha256=sha(question),
        choice=answers[int(logits.argmax())],
        scores=dict(zip(answers, logits.tolist(), strict=True)),
        probabilities=dict(zip(answers, probabilities.tolist(), strict=True)),
        nll=2.0,
        num_tokens=4,
        num_bytes=12,
    )
