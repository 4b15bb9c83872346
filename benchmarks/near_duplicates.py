"""Time and memory of the exact near-duplicate join over generated patient messages.

The messages share openings, closings and complaints, as real ones do, and one in five is another one with a
word changed: texts without anything in common would be told apart at once and show nothing.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from peers.sides.peak_memory import own_peak_mb

SIZES = (10_000, 30_000, 100_000)
SEED = 0
COMPLAINTS = (
    "headache", "chest pain", "a dry cough", "back pain", "swollen ankles", "blurred vision", "a rash", "nausea",
    "knee pain", "dizziness", "a sore throat", "stomach cramps", "poor sleep", "palpitations", "numb fingers", "fever",
)  # fmt: skip
DETAILS = (
    "worse at night", "better after rest", "since the last holiday", "after every meal", "when climbing stairs",
    "on the left side", "with a burning feeling", "together with some fever", "before breakfast", "while driving",
    "without any warning", "after lifting boxes", "in cold weather", "despite the tablets", "since my operation",
)  # fmt: skip
OPENINGS = (
    "Hello doctor,",
    "Hi,",
    "Good morning,",
    "Dear doctor, thank you for your time.",
    "Please help me.",
)
CLOSINGS = (
    "What should I do?",
    "Is this dangerous?",
    "Which test do I need?",
    "Thank you.",
    "Should I worry?",
)


def measure() -> dict[str, Any]:
    """Seconds, peak memory in MB and clusters for each number of texts, each in a process of its own."""
    return {str(size): _measured(size) for size in SIZES}


def messages(count: int) -> list[str]:
    """The same generated texts for the same count."""
    rng = random.Random(SEED)
    texts: list[str] = []
    for _ in range(count):
        if texts and rng.random() < 0.2:
            words = rng.choice(texts).split()
            words[rng.randrange(len(words))] = rng.choice(("often", "rarely", "sometimes"))
            texts.append(" ".join(words))
        else:
            texts.append(_message(rng))
    return texts


def _message(rng: random.Random) -> str:
    told = [
        f"I am {rng.randrange(18, 90)} and have had {rng.choice(COMPLAINTS)} for {rng.randrange(2, 30)} days,"
        f" {rng.choice(DETAILS)}, and {rng.choice(COMPLAINTS)} {rng.choice(DETAILS)}."
        for _ in range(rng.randrange(1, 4))
    ]
    return " ".join([rng.choice(OPENINGS), *told, rng.choice(CLOSINGS)])


def _measured(size: int) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__)), str(size)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def _main(size: int) -> None:

    from medadapt.records.likeness.near_duplicates import near_clusters

    texts = messages(size)
    started = time.perf_counter()
    clusters = near_clusters(texts)
    seconds = time.perf_counter() - started
    characters = sum(map(len, texts)) / len(texts)
    print(json.dumps({
        "seconds": round(seconds, 1), "peak_rss_mb": own_peak_mb(),
        "clusters": len(set(clusters)),
        "mean_characters": round(characters),
    }))  # fmt: skip


if __name__ == "__main__":
    _main(int(sys.argv[1]))
