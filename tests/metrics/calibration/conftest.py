"""Made-up beliefs of closed questions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from medadapt.core.records import LETTERS, Record
from medadapt.core.results import Prediction
from medadapt.metrics.calibration.beliefs import Beliefs


@pytest.fixture
def believe() -> Callable[..., Beliefs]:
    """Beliefs with these log-weights (n, K) and right columns; every record is its own group unless given."""

    def build(logits, truth, group=None) -> Beliefs:
        logits = np.asarray(logits, dtype=np.float64)
        n, answers = logits.shape
        return Beliefs(
            ids=tuple(f"r{place:04d}" for place in range(n)),
            names=tuple(LETTERS[:answers]),
            logits=logits,
            truth=np.asarray(truth, dtype=np.int64),
            chosen=logits.argmax(axis=1),
            group=np.arange(n) if group is None else np.asarray(group),
        )

    return build


@pytest.fixture
def simulate(believe) -> Callable[..., Beliefs]:
    """n questions of four options whose right answer is drawn from the model's belief at `temperature`.

    At 1 the model is perfectly calibrated; at 3 it is too sure of itself, and 3 mends it.
    """

    def build(n: int, seed: int, *, temperature: float = 1.0, spread: float = 2.0) -> Beliefs:
        random = np.random.default_rng(seed)
        logits = spread * random.standard_normal((n, 4))
        shares = np.exp(logits / temperature)
        shares /= shares.sum(axis=1, keepdims=True)
        truth = (random.random((n, 1)) > shares.cumsum(axis=1)).sum(axis=1)
        return believe(logits, np.minimum(truth, 3))

    return build


@pytest.fixture
def answer() -> Callable[..., tuple[list[Record], list[Prediction]]]:
    """Beliefs as the multiple-choice records and predictions they would be read from."""

    def build(beliefs: Beliefs, *, model: str = "baseline") -> tuple[list[Record], list[Prediction]]:
        records, predictions = [], []
        for place, name in enumerate(beliefs.ids):
            records.append(
                Record(
                    id=name,
                    source_row=place + 1,
                    group=f"g{beliefs.group[place]}",
                    question=f"Which of these is number {place}?",
                    answer="right",
                    options=[f"option {letter} of {place}" for letter in beliefs.names],
                    answer_index=int(beliefs.truth[place]),
                )
            )
            predictions.append(
                Prediction(
                    id=name,
                    model=model,
                    prompt_sha256=f"sha of {name}",
                    choice=beliefs.names[beliefs.chosen[place]],
                    scores=dict(zip(beliefs.names, beliefs.logits[place].tolist(), strict=True)),
                    nll=1.0,
                    num_tokens=1,
                    num_bytes=1,
                )
            )
        return records, predictions

    return build
