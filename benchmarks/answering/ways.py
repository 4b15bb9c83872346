"""Ways to score labels and to write answers: ours, and the plain ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

NEW_TOKENS = 64
BUDGET = 8192
TOGETHER = 64
"""Prompts that `together` gives at a time."""


def score_labels(base: Any, questions: dict[str, Any]) -> list[int]:
    """For each prompt the number of the label whose completion is the likeliest."""
    import torch

    from medadapt.predictions.batching import TokenBudget
    from medadapt.predictions.scoring import continuation_scores

    prompts, labels = questions["prompts"], questions["labels"]
    with torch.no_grad():
        found = continuation_scores(base, prompts, [labels] * len(prompts), budget=TokenBudget(BUDGET))
    return [max(range(len(labels)), key=scores.__getitem__) for scores in found]


def search_labels(base: Any, questions: dict[str, Any]) -> tuple[list[int], float]:
    """The same numbers without scoring every label, and how many labels of a prompt were scored.

    As a run with `evaluation.score_choices: best` does it: the choices by sum, per token and per byte are found, and
    the right label is scored for its likelihood.
    """
    import torch

    from medadapt.examples.encoding import EncodedPrompt
    from medadapt.predictions.batching import TokenBudget
    from medadapt.predictions.best_first import best_choice_scores
    from medadapt.predictions.choice_rules import searched_rules
    from medadapt.predictions.questions import Question, Reference

    labels = {str(number): label for number, label in enumerate(questions["labels"])}
    sizes = dict(zip(labels, questions["label_bytes"], strict=True))
    asked = [
        Question(
            prompt=EncodedPrompt(text="", tokens=prompt, truncated=False),
            reference=Reference(tokens=questions["labels"][right], num_bytes=0, cut=False),
            choices=labels,
            choice_bytes=sizes,
            truncated=False,
        )
        for prompt, right in zip(questions["prompts"], questions["right"], strict=False)
    ]
    with torch.no_grad():
        found = best_choice_scores(
            base,
            asked,
            [{}] * len(asked),
            rules=searched_rules("sum"),
            budget=TokenBudget(BUDGET),
            advance=lambda _: None,
        )
    decisions = [int(max(scores, key=scores.__getitem__)) for scores in found]
    return decisions, sum(map(len, found)) / len(found)


def write(base: Any, questions: dict[str, Any]) -> list[list[int]]:
    """Our greedy answers in tokens."""
    from medadapt.predictions.generation import generate

    return generate(
        base,
        questions["prompts"],
        max_new_tokens=NEW_TOKENS,
        closing_ids=frozenset(questions["closing"]),
        batch_tokens=2 * BUDGET,
    )


def one_by_one(
    model: Any, prompts: Sequence[list[int]], limits: Sequence[int], closing: Sequence[int]
) -> list[list[int]]:
    """What transformers' `generate` writes after one prompt at a time, without the closing token."""
    import torch

    answers = []
    for prompt, most in zip(prompts, limits, strict=True):
        tokens = torch.tensor([prompt], device=next(model.parameters()).device)
        with torch.no_grad():
            written = model.generate(
                input_ids=tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=most, do_sample=False,
                eos_token_id=list(closing), pad_token_id=0,
            )  # fmt: skip
        answer = written[0, len(prompt) :].tolist()
        answers.append(answer[:-1] if answer and answer[-1] in closing else answer)
    return answers


def together(model: Any, prompts: Sequence[list[int]], closing: Sequence[int]) -> list[list[int]]:
    """What `generate` writes after all prompts at once, padded on the left, without the closing tokens."""
    import torch

    device = next(model.parameters()).device
    answers = []
    for start in range(0, len(prompts), TOGETHER):
        some = prompts[start : start + TOGETHER]
        width = max(map(len, some))
        tokens = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in some], device=device)
        seen = torch.tensor(
            [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in some], device=device
        )
        with torch.no_grad():
            written = model.generate(
                input_ids=tokens, attention_mask=seen, max_new_tokens=NEW_TOKENS, do_sample=False,
                eos_token_id=list(closing), pad_token_id=closing[0],
            )  # fmt: skip
        for row in written[:, width:].tolist():
            ends = [place for place, token in enumerate(row) if token in set(closing)]
            answers.append(row[: ends[0]] if ends else row)
    return answers


def full_rows(model: Any, questions: dict[str, Any]) -> list[int]:
    """For each prompt the number of its likeliest label, from a row of its own for every label."""
    import torch

    decisions = []
    for prompt in questions["prompts"]:
        scores = []
        for label in questions["labels"]:
            row = torch.tensor([[*prompt, *label]], device=next(model.parameters()).device)
            with torch.no_grad():
                logprobs = torch.log_softmax(model(input_ids=row).logits[0, len(prompt) - 1 : -1].float(), -1)
            scores.append(math.fsum(logprobs[place, token].item() for place, token in enumerate(label)))
        decisions.append(max(range(len(scores)), key=scores.__getitem__))
    return decisions
