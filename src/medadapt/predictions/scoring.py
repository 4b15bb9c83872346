"""Exact log-likelihoods of every label or option, and the choice they make.

A closed question is never answered by writing: each choice's whole completion is scored, so every answer
counts and none is unparsed. Choices of one token share the forward pass of the reference answer
(`likelihood.py`). For longer ones the prompt is computed once, its keys and values are kept, and all
choices continue from there: the same numbers as a full row for each choice, for a fraction of the work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import torch

from medadapt.models.loading import LoadedBase
from medadapt.predictions.batching import TokenBudget, in_batches, right_padded
from medadapt.predictions.likelihood import target_logprobs
from medadapt.predictions.questions import Question


def choice_scores(
    model: LoadedBase, questions: Sequence[Question], *, budget: TokenBudget, advance: Callable[[int], None]
) -> list[dict[str, float]]:
    """Log-likelihood in nats of each choice of each question, summed over the tokens of its completion.

    `questions` must have choices. `advance` hears how many choices are done.
    """
    found: list[dict[str, float]] = [{} for _ in questions]
    names = [(index, name) for index, question in enumerate(questions) for name in question.choices or {}]

    def work(batch: list[int]) -> None:
        for index, rows in groupby((names[row] for row in batch), key=lambda pair: pair[0]):
            together = [name for _, name in rows]
            choices = questions[index].choices or {}
            completions = [choices[name] for name in together]
            scores = continuation_scores(model, questions[index].prompt.tokens, completions)
            found[index].update(zip(together, scores, strict=True))

    # All choices of a question count as long as its longest: they stay together and share the prompt.
    lengths = [_longest(questions[index]) for index, _ in names]
    in_batches(lengths, budget, work, advance)
    order = [list(question.choices or {}) for question in questions]
    return [{name: scores[name] for name in order[index]} for index, scores in enumerate(found)]


def continuation_scores(
    model: LoadedBase, prompt: Sequence[int], completions: Sequence[Sequence[int]]
) -> list[float]:
    """Log-likelihood in nats of each completion after one prompt."""
    # The prompt's last token opens every row, because its output predicts the first completion token.
    rows = [[prompt[-1], *completion[:-1]] for completion in completions]
    tokens_BT = right_padded(rows, model.device)
    kept = _prompt_cache(model, prompt[:-1], len(rows))
    logits_BTV = model.model(input_ids=tokens_BT, past_key_values=kept, use_cache=kept is not None).logits
    scores = []
    for row, completion in enumerate(completions):
        targets_T = torch.tensor(completion, device=logits_BTV.device)
        scores.append(math.fsum(target_logprobs(logits_BTV[row, : len(completion)], targets_T).tolist()))
    return scores


def best_choice(scores: Mapping[str, float]) -> str:
    """The choice with the highest score; of equals the first."""
    return max(scores, key=scores.__getitem__)


def probabilities(scores: Mapping[str, float]) -> dict[str, float]:
    """Softmax over the scores: the model's belief if one of the choices must be right."""
    highest = max(scores.values())
    weights = {name: math.exp(score - highest) for name, score in scores.items()}
    total = math.fsum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _prompt_cache(model: LoadedBase, tokens: Sequence[int], copies: int) -> object | None:
    """Keys and values of the prompt, once for each row that goes on from it; None for no tokens."""
    if not tokens:
        return None
    tokens_1T = torch.tensor([list(tokens)], dtype=torch.long, device=model.device)
    kept = model.model(input_ids=tokens_1T, use_cache=True, logits_to_keep=1).past_key_values
    kept.batch_repeat_interleave(copies)
    return kept


def _longest(question: Question) -> int:
    return len(question.prompt.tokens) + max(len(tokens) for tokens in (question.choices or {}).values())
