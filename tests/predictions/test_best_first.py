"""Choices that were looked for against those of scoring every label, on real architectures at tiny size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from medadapt.core.choice_rules import CHOICE_RULES
from medadapt.core.progress import Silent
from medadapt.predictions import best_first
from medadapt.predictions.asking import predict
from medadapt.predictions.batching import TokenBudget
from medadapt.predictions.best_first import best_choice_scores
from medadapt.predictions.choice_rules import by_rule, measures_of
from medadapt.predictions.questions import Question, pose
from medadapt.predictions.scoring import best_choice, choice_scores
from medadapt.predictions.settings import PredictionSettings
from random_models import ARCHITECTURES, write_random_base

MANY = tuple(f"{first} {second}" for first in ("acute", "chronic", "benign", "no") for second in "abcdefgh")
SETTINGS = PredictionSettings(task="diagnosis", method="score")


@pytest.fixture
def asked(encoder_for, diagnoses):
    """Questions with 32 labels, which no model of these tests is sure of."""

    def build(tokenizer, labels=MANY) -> list[Question]:
        records = [replace(one, label=labels[n], answer=labels[n]) for n, one in enumerate(diagnoses)]
        return pose(encoder_for(tokenizer, labels=labels), records, close_choices=True)

    return build


def alone(questions: Sequence[Question]) -> list[dict[str, float]]:
    """Log-likelihoods without a question, as good as any."""
    return [{name: -float(place % 7) for place, name in enumerate(one.choices)} for one in questions]


@torch.no_grad()
def exhaustive(model, questions):
    return choice_scores(model, questions, budget=TokenBudget(100_000), advance=lambda _: None)


@torch.no_grad()
def searched(model, questions, tokens=100_000, heard=lambda _: None):
    return best_choice_scores(
        model, questions, alone(questions), rules=CHOICE_RULES, budget=TokenBudget(tokens), advance=heard
    )


def check(questions, found, wanted) -> None:
    for question, own, without, some in zip(questions, wanted, alone(questions), found, strict=True):
        assert some == pytest.approx({name: own[name] for name in some}, abs=1e-4, rel=1e-6)
        assert question.reference_choice in some
        of_all, of_some = (by_rule(scores, question, without) for scores in (own, some))
        assert [*map(best_choice, of_some.values())] == [*map(best_choice, of_all.values())]


@pytest.mark.parametrize("kind", ["llama", "opt"])
@pytest.mark.parametrize("tokens", [1, 150, 100_000])
def test_the_best_under_every_rule_are_those_of_all_scores(tiny, asked, kind, tokens):
    model = tiny(kind)
    questions = asked(model.tokenizer)
    check(questions, searched(model, questions, tokens), exhaustive(model, questions))


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_every_architecture_finds_the_best(tmp_path, asked, tiny, model_type):
    from medadapt.core.recipe import ModelSection
    from medadapt.models.loading import load_base

    base = load_base(
        ModelSection(base=str(write_random_base(tmp_path, model_type)), precision="fp32"), device="cpu"
    )
    torch.manual_seed(0)
    for weight in base.model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.3)
    questions = asked(tiny("llama").tokenizer)
    check(questions, searched(base, questions), exhaustive(base, questions))


@pytest.mark.parametrize("kind", ["llama", "opt"])
def test_decisions_in_bf16_are_those_of_all_scores_except_near_ties(tiny, asked, kind):
    model = tiny(kind, torch.bfloat16)
    questions = asked(model.tokenizer)
    found, wanted = searched(model, questions), exhaustive(model, questions)
    for question, own, without, some in zip(questions, wanted, alone(questions), found, strict=True):
        assert some == pytest.approx({name: own[name] for name in some}, abs=0.5)
        divisors, _ = measures_of(question, without, CHOICE_RULES)
        of_all, of_some = (by_rule(scores, question, without) for scores in (own, some))
        for (rule, figures), divided in zip(of_all.items(), divisors, strict=True):
            lost = max(figures.values()) - figures[best_choice(of_some[rule])]
            assert lost * min(divided) <= 0.3


def test_a_model_that_has_learned_the_answers_leaves_most_labels_unread(tiny, asked):
    model = tiny("llama")
    questions = asked(model.tokenizer)
    learn(model.model, questions)
    found = searched(model, questions)
    check(questions, found, exhaustive(model, questions))
    assert [max(some, key=some.__getitem__) for some in found] == [*MANY[:3]]
    assert all(len(some) < len(MANY) / 4 for some in found)


def learn(model, questions) -> None:
    """Train all weights until each question's right label is nearly sure."""
    model.requires_grad_(True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(200):
        losses = []
        for question in questions:
            prompt, answer = question.prompt.tokens, question.choices[question.reference_choice]
            logits_TV = model(input_ids=torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
            losses.append(torch.nn.functional.cross_entropy(logits_TV, torch.tensor(answer)))
        if (loss := sum(losses)) < 0.05:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    else:
        pytest.fail(f"the loss is still {loss}")
    model.requires_grad_(False)


def test_a_beginning_that_prompts_share_is_read_once_with_the_same_numbers(tiny, encoder_for, diagnoses):
    model = tiny("opt")
    records = [replace(one, question="again and again " * 8 + one.question) for one in diagnoses * 3]
    questions = pose(encoder_for(model.tokenizer), records, close_choices=True)
    check(questions, searched(model, questions), exhaustive(model, questions))


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "mamba", "state_size": 4, "expand": 2, "conv_kernel": 4, "num_hidden_layers": 2},
        {"model_type": "mistral", "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "intermediate_size": 64, "sliding_window": 64},
    ],
    ids=lambda config: config["model_type"],
)  # fmt: skip
def test_what_cannot_read_trees_so_far_back_has_all_labels_scored(tiny, asked, config):
    torch.manual_seed(0)
    shape = {"vocab_size": 257, "hidden_size": 32, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    causal = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape, **config)).eval()
    model = replace(tiny("llama"), model=causal)
    questions = asked(model.tokenizer)
    found = searched(model, questions)
    assert all(some.keys() == one.choices.keys() for some, one in zip(found, questions, strict=True))
    check(questions, found, exhaustive(model, questions))


@pytest.mark.parametrize("tail", ["", " " * 120])
def test_the_window_must_hold_all_that_a_round_may_read(tiny, asked, tail):
    """Of long labels the right one and the best of each rule are more than a round's usual number of nodes."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "mistral", vocab_size=257, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, head_dim=8,
        num_key_value_heads=2, intermediate_size=64, sliding_window=4096, initializer_range=0.3,
        bos_token_id=0, eos_token_id=0, pad_token_id=None,
    )  # fmt: skip
    model = replace(tiny("llama"), model=AutoModelForCausalLM.from_config(config).eval())
    labels = tuple(f"{label}{tail}." for label in MANY)
    questions = asked(model.tokenizer, labels)
    learn(model.model, questions)
    longest = max(len(tokens) for tokens in questions[0].choices.values())
    prompt = max(len(question.prompt.tokens) for question in questions)
    needed = prompt + longest + max(512, (1 + len(CHOICE_RULES)) * longest)
    wanted, numbers = exhaustive(model, questions), []
    for size in (needed - 1, needed):
        model.model.config.sliding_window = size
        found = searched(model, questions)
        check(questions, found, wanted)
        numbers.append(max(map(len, found)))
    assert numbers[0] == len(labels) > numbers[1]


def test_every_choice_is_counted_once(tiny, asked):
    model, heard = tiny("llama"), []
    questions = asked(model.tokenizer)
    searched(model, questions, 150, heard.append)
    assert sum(heard) == len(questions) * len(MANY)


@pytest.mark.parametrize("most", [0, 1])
def test_where_memory_is_short_fewer_are_read_at_once(tiny, asked, monkeypatch, most):
    model = tiny("llama")
    questions = asked(model.tokenizer)
    wanted, inner, sizes = exhaustive(model, questions), best_first._read, []

    def short(model, prompts, *rest):
        sizes.append(len(prompts))
        if len(prompts) > most:
            raise torch.OutOfMemoryError("out of memory")
        return inner(model, prompts, *rest)

    monkeypatch.setattr(best_first, "_read", short)
    check(questions, searched(model, questions), wanted)
    assert sizes[0] == len(questions)
    assert 1 in sizes


@pytest.mark.parametrize("kind", ["llama", "opt"])
def test_predictions_have_the_choices_of_all_scores_and_no_probabilities(tiny, encoder_for, diagnoses, kind):
    model = tiny(kind)
    encoder = encoder_for(model.tokenizer)
    whole, best = (
        predict(model, encoder, diagnoses, name="tuned", settings=settings, progress=Silent())
        for settings in (SETTINGS, replace(SETTINGS, score_choices="best"))
    )
    for one, other in zip(whole, best, strict=True):
        assert other.choice == one.choice
        assert other.choices == {rule: one.choices[rule] for rule in ("sum", "per_token", "per_byte")}
        assert other.nll == pytest.approx(one.nll, abs=1e-4)
        assert other.probabilities is None
        assert (one.only_best, other.only_best) == (False, True)
        assert {*other.choices.values()} <= other.scores.keys() <= one.scores.keys()


def test_labels_of_one_token_have_their_probabilities_all_the_same(tiny, encoder_for, diagnoses):
    model = tiny("llama")
    words = Tokenizer(models.WordLevel(vocab={"[unk]": 1, "</s>": 0, "x": 2, "y": 3}, unk_token="[unk]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>", unk_token="[unk]")
    # Behind a label that an explanation may follow there is no closing token.
    encoder = encoder_for(tokenizer, answer="text_and_explanation", labels=("x", "y"))
    records = [replace(one, label="x", answer="x") for one in diagnoses]

    rows = predict(
        model,
        encoder,
        records,
        name="tuned",
        settings=replace(SETTINGS, score_choices="best"),
        progress=Silent(),
    )

    assert [row.only_best for row in rows] == [False] * len(rows)
    assert all(row.probabilities.keys() == {"x", "y"} for row in rows)
