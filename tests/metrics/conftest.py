"""Small test sets with known answers, for all tests of the metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from medadapt.core.records import LETTERS, Record
from medadapt.core.results import Prediction, Protocol
from medadapt.metrics.scoring import ScoreInputs
from medadapt.metrics.statistics.resampling import Plan

PROTOCOL = Protocol(
    records_sha256="r",
    prompt_sha256="p",
    base="tiny",
    base_sha256="b",
    adapter_sha256="a",
    seed=0,
    dtype="float32",
    versions={"medadapt": "0.1.0"},
)


@pytest.fixture(scope="session")
def diagnoses() -> Callable[..., list[Record]]:
    """Diagnosis records with the given labels; one group each unless `groups` are given."""

    def build(labels: Sequence[str], groups: Sequence[str] | None = None) -> list[Record]:
        names = groups or [f"g{place}" for place in range(len(labels))]
        return [
            Record(
                id=f"r{place:04d}",
                source_row=place + 1,
                group=names[place],
                question=f"symptom {place}; sign {place}",
                answer=label,
                label=label,
            )
            for place, label in enumerate(labels)
        ]

    return build


@pytest.fixture(scope="session")
def choices() -> Callable[..., list[Record]]:
    """Multiple-choice records of four options with the given right letters."""

    def build(letters: str, subjects: Sequence[str] | None = None) -> list[Record]:
        return [
            Record(
                id=f"q{place:04d}",
                source_row=place + 1,
                group=f"g{place}",
                question=f"Which of these is number {place}?",
                answer=f"option {letter} of {place}",
                options=[f"option {other} of {place}" for other in "ABCD"],
                answer_index=LETTERS.index(letter),
                subject=subjects[place] if subjects else None,
            )
            for place, letter in enumerate(letters)
        ]

    return build


@pytest.fixture(scope="session")
def predict() -> Callable[..., list[Prediction]]:
    """Predictions with the given choices; likelihoods vary by record and are the same for both models."""

    def build(
        records: Sequence[Record],
        decisions: Sequence[str | None] | None = None,
        *,
        model: str = "baseline",
        nll: Sequence[float] | None = None,
        texts: Sequence[str | None] | None = None,
        parsed: Sequence[str | None] | None = None,
    ) -> list[Prediction]:
        return [
            Prediction(
                id=record.id,
                model=model,
                prompt_sha256=f"sha of {record.id}",
                choice=decisions[place] if decisions else None,
                scores={decisions[place] or "": -1.0} if decisions else None,
                nll=nll[place] if nll is not None else 2.0 + place % 7,
                num_tokens=3 + place % 5,
                num_bytes=12 + place % 11,
                text=texts[place] if texts else None,
                parsed=parsed[place] if parsed else None,
            )
            for place, record in enumerate(records)
        ]

    return build


@pytest.fixture(scope="session")
def inputs() -> Callable[..., ScoreInputs]:
    """Inputs of `score` with few resamples; the scores of both models cover the same labels."""

    def build(
        test: Sequence[Record],
        baseline: Sequence[Prediction],
        tuned: Sequence[Prediction],
        *,
        train: Sequence[Record] = (),
        task: str = "diagnosis",
        primary: str = "accuracy",
        samples: int = 500,
        seed: int = 0,
        leakage: dict[str, object] | None = None,
        vocabulary_size: int = 32_000,
    ) -> ScoreInputs:
        labels = {name for row in [*baseline, *tuned] for name in row.scores or {}}
        baseline, tuned = (
            [
                replace(row, scores={**dict.fromkeys(sorted(labels), -9.0), **(row.scores or {})})
                for row in rows
            ]
            for rows in (baseline, tuned)
        )
        return ScoreInputs(
            task=task,  # type: ignore[arg-type]
            primary=primary,
            alpha=0.05,
            bootstrap_samples=samples,
            seed=seed,
            train=list(train),
            test=list(test),
            baseline=baseline,
            tuned=tuned,
            leakage=leakage or {"exact": 0, "near": 0, "gated": ["exact"]},
            vocabulary_size=vocabulary_size,
            protocol=PROTOCOL,
        )

    return build


@pytest.fixture(scope="session")
def independent() -> Callable[..., Plan]:
    """A plan in which every record is its own group."""

    def build(n: int, samples: int = 1000, seed: int = 0) -> Plan:
        return Plan(group=np.arange(n), samples=samples, seed=seed)

    return build
