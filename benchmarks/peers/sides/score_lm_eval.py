"""lm-evaluation-harness scoring every label of every prompt: one request for each, in its own order and batches.

    python score_lm_eval.py ROWS FOLDER

ROWS are read at a time; the harness's own default is 1. It runs in the harness's environment and is told the same
tokens as our side; the adapter lies beside the weights, but for where the folder holds a merged model.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from asked_for import digest_of
from lm_eval.models.huggingface import HFLM
from peak_memory import own_peak_mb


def main() -> None:
    rows, folder = int(sys.argv[1]), Path(sys.argv[2])
    questions = json.loads((folder / "questions.json").read_text(encoding="utf-8"))
    prompts, labels = questions["prompts"], questions["labels"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    merged = folder / "merged"
    what: dict[str, str] = (
        {"pretrained": str(merged)}
        if merged.is_dir()
        else {"pretrained": str(folder / "base"), "peft": str(folder / "adapter")}
    )
    model = HFLM(
        **what,
        dtype=questions["dtype"],
        device=device,
        batch_size=rows,
    )
    model._loglikelihood_tokens(_requests(prompts[:2], labels), disable_tqdm=True)
    started = time.perf_counter()
    requests = _requests(prompts, labels)
    found = model._loglikelihood_tokens(requests, disable_tqdm=True)
    seconds = time.perf_counter() - started
    scores = [likelihood for likelihood, _ in found]
    pieces = [scores[start : start + len(labels)] for start in range(0, len(scores), len(labels))]
    print("\n" + json.dumps({
        "seconds": seconds,
        "decisions": [max(range(len(labels)), key=piece.__getitem__) for piece in pieces],
        "asked": digest_of((prompt, label) for _, prompt, label in requests),
        "scored": len(found),
        "peak_rss_mb": own_peak_mb(),
    }))  # fmt: skip


def _requests(prompts: list[list[int]], labels: list[list[int]]) -> list[Any]:
    # The strings are the keys of the harness's cache and must differ; the numbers are what it reads.
    return [
        ((str(number), str(place)), prompt, label)
        for number, prompt in enumerate(prompts)
        for place, label in enumerate(labels)
    ]


if __name__ == "__main__":
    main()
