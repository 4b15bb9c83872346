"""Time and memory of scoring: 2,000 test records, 10,000 bootstrap resamples, all metrics and controls."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from near_duplicates import messages
from peers.sides.peak_memory import own_peak_mb

TASKS = ("diagnosis", "qa")
RECORDS, LABELS, SAMPLES = 2_000, 41, 10_000
SEED = 0


def measure() -> dict[str, Any]:
    """Seconds and peak memory in MB of each task, each in a process of its own with all processors."""
    return {task: _measured(task) for task in TASKS}


def _measured(task: str) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__)), task]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _inputs(task: str) -> Any:
    """Half of the generated records to train on and half to test with; both models write their answers."""
    from medadapt.core.records import Record
    from medadapt.core.results import Protocol
    from medadapt.metrics.scoring import ScoreInputs

    rng = random.Random(SEED)
    labels = [f"condition {number}" for number in range(LABELS)]
    questions, answers = messages(2 * RECORDS), messages(4 * RECORDS)[2 * RECORDS :]
    records = [
        Record(
            id=f"r{place}",
            source_row=place + 1,
            group=f"g{place}",
            question=question,
            answer=label if task == "diagnosis" else answers[place],
            label=label if task == "diagnosis" else None,
        )
        for place, (question, label) in enumerate(
            zip(questions, rng.choices(labels, k=2 * RECORDS), strict=True)
        )
    ]
    train, test = records[:RECORDS], records[RECORDS:]
    protocol = Protocol(
        records_sha256="", prompt_sha256="", base="", base_sha256="", adapter_sha256="", seed=SEED, dtype="",
        versions={},
    )  # fmt: skip
    return ScoreInputs(
        task=task,
        primary="bits_per_byte" if task == "qa" else "accuracy",
        alpha=0.05,
        bootstrap_samples=SAMPLES,
        seed=SEED,
        train=train,
        test=test,
        baseline=_predictions(test, "baseline", 0.5, labels, rng),
        tuned=_predictions(test, "tuned", 0.7, labels, rng),
        leakage={"exact": 0, "near": 0, "gated": ["exact"]},
        vocabulary_size=32_000,
        protocol=protocol,
        embedding="random numbers in place of cosines" if task == "qa" else None,
    )


def _predictions(
    test: list[Any], model: str, kept: float, labels: list[str], rng: random.Random
) -> list[Any]:
    """Answers that keep this share of the words, or are right this often."""
    from medadapt.core.results import Prediction

    rows = []
    for record in test:
        scores, choice, similarity = None, None, None
        if record.label is None:
            text = " ".join(word for word in record.answer.split() if rng.random() < kept)
            similarity = rng.random()
        else:
            scores = {label: -rng.expovariate(0.1) for label in labels}
            if rng.random() < kept:
                scores[record.label] = 0.0
            choice = text = max(scores, key=scores.__getitem__)
        rows.append(
            Prediction(
                id=record.id,
                model=model,
                prompt_sha256="",
                text=text,
                parsed=choice,
                choice=choice,
                scores=scores,
                nll=rng.gammavariate(2, 20) / kept,
                num_tokens=40,
                num_bytes=200,
                similarity=similarity,
            )
        )
    return rows


def _main(task: str) -> None:

    from medadapt.metrics.scoring import score

    inputs = _inputs(task)
    started, worked = time.perf_counter(), time.process_time()
    metrics = score(inputs)
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    print(json.dumps({
        "records": RECORDS, "samples": SAMPLES, "metrics": len(metrics["difference"]), "seconds": round(seconds, 1),
        "processor_seconds": round(worked, 1),
        "peak_rss_mb": own_peak_mb(),
    }))  # fmt: skip


if __name__ == "__main__":
    _main(sys.argv[1])
