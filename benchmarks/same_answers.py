"""One model through every door: 20 test questions, and whether each way of asking gives the same greedy text in fp32.

The run is that of `medadapt demo --task qa` with its base in fp32. Beside it the same adapter is merged into a base of
16 bits, and both read the reference answers: how often the likeliest next token stays the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from page_client import served_page
from serving_speed import CHAT, served

QUESTIONS = 20
HALF = "bf16"
"""The format of 16 bits that a CPU computes in; fp16 needs a GPU."""


def measure(folder: Path) -> dict[str, Any]:
    """Way of asking -> how many of its answers are those of the run's own evaluation; and the merges."""
    run = folder / "qa"
    _command("run", "demo-qa", "--set", "model.precision=fp32", "-o", str(run))
    wanted = {row["id"]: row["text"] for row in _rows(run / "4-predictions" / "tuned.jsonl")}
    records = _rows(run / "1-records" / "test.jsonl")[:QUESTIONS]
    questions = [record["question"] for record in records]
    texts = [wanted[record["id"]] for record in records]
    same = {
        name: sum(one.strip() == text.strip() for one, text in zip(ask(run, questions), texts, strict=True))
        for name, ask in WAYS.items()
    }
    return {
        "questions": len(questions),
        "different_texts": len(set(texts)),
        "same": same,
        "merged": {HALF: _merged_in(HALF, run)},
    }


def section(found: dict[str, Any]) -> Iterator[str]:
    """The part of the results page, as Markdown."""
    yield "### The same answers everywhere\n"
    yield (
        f"{found['questions']} test questions of `medadapt run demo-qa` in fp32, with {found['different_texts']} "
        "different answers in the run's own predictions, asked in every way there is.\n"
    )
    lines = ["| way of asking | the same text |", "| --- | ---: |"]
    lines += [f"| {name} | {same} of {found['questions']} |" for name, same in found["same"].items()]
    yield "\n".join(lines) + "\n"
    yield (
        "The adapter merged into a base of 16 bits, against base and adapter apart in the same number format, both "
        "reading the test records' reference answers (goal: the likeliest next token the same for 99 %). Rounding "
        "alone changes some as well: the third column compares the unmerged model with itself in fp32.\n"
    )
    lines = ["| number format | merged and apart agree | apart and fp32 agree |", "| --- | ---: | ---: |"]
    for precision, one in found["merged"].items():
        shares = [_share(one[name], one["tokens"]) for name in ("merged_same", "fp32_same")]
        lines.append(f"| {precision} | {' | '.join(shares)} |")
    yield "\n".join(lines) + "\n"


def _share(same: int, tokens: int) -> str:
    return f"{same / tokens:.2%} ({tokens - same} of {tokens:,} tokens differ)"


def _by_ask(run: Path, questions: Sequence[str]) -> list[str]:
    answers = [json.loads(_command("ask", str(run), question, "--json"))["answers"] for question in questions]
    return [answer["tuned"]["text"] for answer in answers]


def _by_chat(run: Path, questions: Sequence[str]) -> list[str]:
    return _command("chat", str(run), given="\n".join([*questions, "/quit", ""])).splitlines()


def _by_page(run: Path, questions: Sequence[str]) -> list[str]:
    with served_page(run) as page:
        return [page.ask(question)["tuned"] for question in questions]


def _by_api(run: Path, questions: Sequence[str]) -> list[str]:
    bodies = [{"model": "tuned", "messages": [{"role": "user", "content": one}]} for one in questions]
    with served(run) as (url, _, _):
        answers = [httpx.post(f"{url}{CHAT}", json=body, timeout=60).json() for body in bodies]
    return [answer["choices"][0]["message"]["content"] for answer in answers]


def _by_python(run: Path, questions: Sequence[str]) -> list[str]:
    import medadapt

    model = medadapt.load(run)
    return [str(model.ask(question)) for question in questions]


def _by_merged(run: Path, questions: Sequence[str]) -> list[str]:
    """Without MedAdapt: transformers, its `generate`, and the chat template in the folder."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from medadapt.serving.command_targets import find_target

    folder = run.parent / "merged"
    _command("export", str(run), "--to", "merged", "-o", str(folder))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
    asking = find_target(str(run)).asking
    assert asking is not None
    most = asking.max_new_tokens
    texts = []
    for question in questions:
        asked = tokenizer.apply_chat_template(
            [{"role": "user", "content": question}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        written = model.generate(**asked, max_new_tokens=most, do_sample=False)
        texts.append(tokenizer.decode(written[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))
    return texts


WAYS: dict[str, Callable[[Path, Sequence[str]], list[str]]] = {
    "`medadapt ask`": _by_ask,
    "`medadapt chat`": _by_chat,
    "`medadapt ui`": _by_page,
    "`medadapt serve`": _by_api,
    "`medadapt.load` in Python": _by_python,
    "`medadapt export --to merged`, transformers alone": _by_merged,
}


def _merged_in(precision: str, run: Path) -> dict[str, int]:
    """The likeliest next tokens of the merged model, of base and adapter apart, and of those in fp32."""
    import torch
    from transformers import AutoModelForCausalLM

    from medadapt.core.records import read_records

    folder = run.parent / f"merged-{precision}"
    _command("export", str(run), "--to", "merged", "--precision", precision, "-o", str(folder))
    apart, exact = _assistant(run, precision), _assistant(run, "fp32")
    merged = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
    counts = {"tokens": 0, "merged_same": 0, "fp32_same": 0}
    for record in read_records(run / "1-records" / "test.jsonl"):
        prompt = apart.encoder.prompt(record)
        read = apart.encoder.completion(prompt, apart.encoder.reference(record), closed=True)
        tokens, answer = torch.tensor([[*prompt.tokens, *read]]), slice(len(prompt.tokens) - 1, -1)
        with torch.no_grad():
            own, other, wide = (
                model(tokens).logits[0, answer].argmax(-1)
                for model in (apart.base.model, merged, exact.base.model)
            )
        counts["tokens"] += len(own)
        counts["merged_same"] += int((own == other).sum())
        counts["fp32_same"] += int((own == wide).sum())
    return counts


def _assistant(run: Path, precision: str) -> Any:
    from dataclasses import replace

    from medadapt.serving.assistants import load
    from medadapt.serving.command_targets import find_target

    target = find_target(str(run))
    target = replace(target, model=target.model.model_copy(update={"precision": precision}))
    return load(target, device="cpu")  # where the merged model is, too


def _command(*arguments: str, given: str | None = None) -> str:
    return subprocess.run(
        [sys.executable, "-m", "medadapt", *arguments],
        check=True,
        input=given,
        capture_output=True,
        encoding="utf-8",
    ).stdout


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
