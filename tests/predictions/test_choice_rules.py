"""The four rules against brute force: one full row of tokens for each choice, nothing shared."""

from __future__ import annotations

import pytest
import torch
from scipy.special import softmax

from medadapt.core.progress import Silent
from medadapt.predictions.asking import predict
from medadapt.predictions.settings import PredictionSettings

RULES = ("sum", "per_token", "per_byte", "relative")


def row_logprob(model, prompt: list[int], completion: list[int]) -> float:
    with torch.no_grad():
        logits_TV = model.model(input_ids=torch.tensor([[*prompt, *completion]])).logits[0].double()
    logprobs_TV = torch.log_softmax(logits_TV, -1)
    return float(sum(logprobs_TV[len(prompt) - 1 + place, token] for place, token in enumerate(completion)))


def by_hand(model, encoder, record, *, closed: bool) -> dict[str, dict[str, float]]:
    """rule -> choice -> its figure."""
    prompt = encoder.prompt(record)
    words = encoder.tokenizer("The disease is:" if encoder.labels else "Answer:")["input_ids"]
    figures: dict[str, dict[str, float]] = {rule: {} for rule in RULES}
    for name, text in encoder.choices(record).items():
        tokens = encoder.completion(prompt, text, closed=closed)
        whole = row_logprob(model, prompt.tokens, tokens)
        figures["sum"][name] = whole
        figures["per_token"][name] = whole / len(tokens)
        figures["per_byte"][name] = whole / len(text.strip().encode())
        figures["relative"][name] = whole - row_logprob(model, words, tokens)
    return figures


def check(found, figures, choice_by: str) -> None:
    best = {rule: max(values, key=values.__getitem__) for rule, values in figures.items()}
    assert found.choices == best
    assert found.choice == best[choice_by]
    assert found.scores == pytest.approx(figures["sum"], abs=1e-3)
    wanted = softmax(list(figures[choice_by].values()))
    assert list(found.probabilities.values()) == pytest.approx(wanted.tolist(), abs=1e-3)


@pytest.mark.parametrize("choice_by", RULES)
@pytest.mark.parametrize("kind", ["llama", "opt"])
def test_labels_are_chosen_as_by_hand(tiny, encoder_for, diagnoses, kind, choice_by):
    model = tiny(kind)
    encoder = encoder_for(model.tokenizer)
    settings = PredictionSettings(task="diagnosis", method="score", choice_by=choice_by)
    rows = predict(model, encoder, diagnoses, name="baseline", settings=settings, progress=Silent())
    for record, found in zip(diagnoses, rows, strict=True):
        check(found, by_hand(model, encoder, record, closed=True), choice_by)


@pytest.mark.parametrize(("answer", "closed"), [("letter", False), ("text", True)])
@pytest.mark.parametrize("choice_by", RULES)
def test_options_are_chosen_as_by_hand(tiny, encoder_for, exam, answer, closed, choice_by):
    model = tiny("llama")
    encoder = encoder_for(model.tokenizer, "choices", answer=answer)
    settings = PredictionSettings(
        task="multiple_choice", method="score", choice_by=choice_by, batch_tokens=300
    )
    rows = predict(model, encoder, exam, name="baseline", settings=settings, progress=Silent())
    for record, found in zip(exam, rows, strict=True):
        check(found, by_hand(model, encoder, record, closed=closed), choice_by)


def test_the_rules_disagree_where_lengths_differ(tiny, encoder_for, diagnoses):
    model = tiny("llama")
    settings = PredictionSettings(task="diagnosis", method="score")
    rows = predict(
        model, encoder_for(model.tokenizer), diagnoses, name="baseline", settings=settings, progress=Silent()
    )
    assert any(len(set(row.choices.values())) > 1 for row in rows)


class Counting(Silent):
    """Adds up the steps of each piece of work."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}

    def start(self, task: str, total: int | None = None) -> None:
        self.totals[task] = self.totals.get(task, 0) + (total or 0)


def test_a_label_is_scored_without_a_question_once_for_all_records(tiny, encoder_for, diagnoses):
    model = tiny("llama")
    counting = Counting()
    settings = PredictionSettings(task="diagnosis", method="score")
    encoder = encoder_for(model.tokenizer)
    predict(model, encoder, diagnoses, name="baseline", settings=settings, progress=counting)
    assert counting.totals == {
        "baseline: scores of the choices": len(diagnoses) * len(encoder.labels),
        "baseline: choices without a question": len(encoder.labels),
    }


def test_open_questions_have_no_choices_by_rule(tiny, encoder_for, record):
    model = tiny("llama")
    settings = PredictionSettings(task="qa", method="score")
    (found,) = predict(
        model, encoder_for(model.tokenizer, "question"), [record("Why?")], name="tuned", settings=settings,
        progress=Silent(),
    )  # fmt: skip
    assert found.choices is found.choice is found.probabilities is None
    assert found.nll > 0
