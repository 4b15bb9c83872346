"""Text -> tokens on real tokenizers: the prompt is a strict prefix, and the answer ends once.

One known normalisation, and nothing else, may change a text on its way through a tokenizer: Pythia's
composes Unicode (NFC). BioGPT's splits words in the manner of Moses and is held apart, without spaces.
"""

from __future__ import annotations

import copy
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import processors

from medadapt.core.errors import DataError
from medadapt.core.records import Record
from medadapt.examples.encoding import EncodedPrompt, Encoder, load_encoder
from medadapt.examples.masking import IGNORED, mask
from medadapt.examples.templates import BODIES
from medadapt.models.loading import load_tokenizer

FRAGMENTS = (
    "(vertigo) Paroymsal", "What is (are) gout ?", "β-thalassaemia", "≥ 5 mg/dL", "1.5 mg x 3", "b.i.d.",
    "- a\n- b", "\n\n", "\n", "  ", "\t", "Na+/K+", "e\u0301", "é", "don’t", "'s", "“quoted”", "µg", "½",
    "中文", "🫀", "\u00a0", "\u200b", "\u00ad", "</s>", "<s>", "<unk>", "<|endoftext|>", "###", "A.", "100%",
)  # fmt: skip
# U+2581 is SentencePiece's own sign for a space: no text with it can come back.
ODD_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581"), max_size=12)
TEXT = (
    st.lists(st.sampled_from(FRAGMENTS) | ODD_TEXT, min_size=1, max_size=6)
    .map(" ".join)
    .map(str.strip)
    .filter(bool)
)


def spelled(tokenizer: Any, tokens: list[int]) -> str:
    """The text of tokens, without the start token the tokenizer puts before a prompt."""
    started = tokenizer("x")["input_ids"][0] == tokenizer.bos_token_id
    return str(tokenizer.decode(tokens[1:] if started else tokens))


def same(tokenizer: Any, one: str, other: str) -> bool:
    if "NFC" in str(tokenizer.backend_tokenizer.normalizer):
        return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
    return one == other


# --- any text, any tokenizer


@settings(max_examples=150)
@given(question=TEXT, answer=TEXT, template=st.sampled_from(sorted(BODIES)))
def test_prompt_and_answer_come_back_from_their_tokens(
    tokenizer: Any,
    encoder_for: Callable[..., Encoder],
    record: Callable[..., Record],
    question: str,
    answer: str,
    template: str,
):
    encoder = encoder_for(tokenizer, template)
    asked = record(question=question, answer=answer)

    prompt, reference = encoder.prompt(asked), encoder.reference(asked)
    completion = encoder.completion(prompt, reference, closed=True)

    assert completion[-1] == tokenizer.eos_token_id
    assert same(tokenizer, spelled(tokenizer, prompt.tokens + completion[:-1]), prompt.text + reference)


@settings(max_examples=100)
@given(question=TEXT, one=TEXT, other=TEXT, template=st.sampled_from(sorted(BODIES)))
def test_the_prompt_is_a_strict_prefix_that_no_answer_changes(
    tokenizer: Any,
    encoder_for: Callable[..., Encoder],
    record: Callable[..., Record],
    question: str,
    one: str,
    other: str,
    template: str,
):
    encoder = encoder_for(tokenizer, template)
    asked = tokenizer(encoder.prompt_text(record(question=question)), split_special_tokens=True)["input_ids"]

    for answer in (one, other):
        given_record = record(question=question, answer=answer)
        prompt = encoder.prompt(given_record)
        completion = encoder.completion(prompt, encoder.reference(given_record), closed=True)
        tokens, labels, cut = mask(prompt.tokens, completion, encoder.max_length)

        assert tokens[: len(asked)] == asked
        assert labels == [IGNORED] * len(asked) + tokens[len(asked) :]
        assert len(tokens) > len(asked)
        assert not cut


@settings(max_examples=100)
@given(question=TEXT, answer=TEXT, template=st.sampled_from(sorted(BODIES)))
def test_an_answer_ends_exactly_once_whatever_its_text_says(
    tokenizer: Any,
    encoder_for: Callable[..., Encoder],
    record: Callable[..., Record],
    question: str,
    answer: str,
    template: str,
):
    encoder = encoder_for(tokenizer, template)
    asked = record(question=question, answer=answer)
    prompt = encoder.prompt(asked)

    closed = encoder.completion(prompt, encoder.reference(asked), closed=True)
    unclosed = encoder.completion(prompt, encoder.reference(asked), closed=False)

    assert closed == [*unclosed, tokenizer.eos_token_id]
    assert not {tokenizer.bos_token_id, tokenizer.eos_token_id} & set(unclosed)
    assert prompt.tokens.count(tokenizer.bos_token_id) <= 1


@settings(max_examples=100)
@given(question=TEXT, answer=TEXT, template=st.sampled_from(sorted(BODIES)))
def test_an_answer_is_cut_into_tokens_as_in_the_whole_text(
    tokenizer: Any,
    encoder_for: Callable[..., Encoder],
    record: Callable[..., Record],
    question: str,
    answer: str,
    template: str,
):
    encoder = encoder_for(tokenizer, template)
    asked = record(question=question, answer=answer)
    prompt, reference = encoder.prompt(asked), encoder.reference(asked)

    whole = tokenizer(prompt.text + reference, split_special_tokens=True)["input_ids"]

    if whole[: len(prompt.tokens)] == prompt.tokens:  # else it merges across the border, where we do not
        assert encoder.completion(prompt, reference, closed=False) == whole[len(prompt.tokens) :]


@pytest.mark.parametrize("template", BODIES)
def test_an_answer_starts_with_one_space_or_on_a_new_line(
    template: str, tokenizer: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    encoder = encoder_for(tokenizer, template)
    asked = record(answer="Malaria", label="Malaria")
    prompt = encoder.prompt(asked)

    completion = encoder.completion(prompt, encoder.reference(asked), closed=False)
    spelled_out = "".join(tokenizer.convert_ids_to_tokens(completion))

    spaced = not prompt.text.endswith("\n")
    assert encoder.reference(asked) == (" Malaria" if spaced else "Malaria")
    assert spelled_out in ({"ĠMalaria", "▁Malaria"} if spaced else {"Malaria"})


def test_many_prompts_are_encoded_as_each_by_itself(
    tokenizer: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    encoder = encoder_for(tokenizer, "question")
    asked = [record(question=f"What is {word}?", answer=word) for word in ("gout", "β-thalassaemia", "flu")]

    prompts = encoder.prompts(asked)
    texts = [encoder.reference(one) for one in asked]

    assert prompts == [encoder.prompt(one) for one in asked]
    assert encoder.completions(prompts, texts, closed=True) == [
        encoder.completion(prompt, text, closed=True) for prompt, text in zip(prompts, texts, strict=True)
    ]
    assert (encoder.prompts([]), encoder.completions([], [], closed=True)) == ([], [])


def test_special_tokens_in_the_data_are_spelled_out(
    tokenizer: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    text = f"{tokenizer.eos_token} {tokenizer.bos_token} <s></s>"
    encoder = encoder_for(tokenizer, "typed_question")
    asked = record(question=text, answer=text)

    prompt = encoder.prompt(asked)
    completion = encoder.completion(prompt, encoder.reference(asked), closed=True)

    assert not set(prompt.tokens[1:] + completion[:-1]) & set(tokenizer.all_special_ids)


def test_a_merge_across_the_border_never_changes_the_prompt(
    shared_data: Path, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    # GPT-2 reads two line breaks as one token; an answer that starts with some would reach into its prompt.
    tokenizer = load_tokenizer(str(shared_data / "tokenizers" / "gpt2"))
    encoder = encoder_for(tokenizer, "question")
    prompt = encoder.prompt(record())

    completion = encoder.completion(prompt, "\n\nGout", closed=False)

    assert tokenizer(prompt.text + "\n\nGout")["input_ids"][: len(prompt.tokens)] != prompt.tokens
    assert tokenizer.decode(prompt.tokens + completion) == prompt.text + "\n\nGout"


def test_an_answer_inside_a_word_starts_without_a_space(tokenizer: Any, encoder_for: Callable[..., Encoder]):
    # Every real tokenizer would read "diseases" as other tokens than "disease" and "s".
    prompt = EncodedPrompt(text="The disease", tokens=tokenizer("The disease")["input_ids"], truncated=False)

    completion = encoder_for(tokenizer).completion(prompt, "s", closed=False)

    assert spelled(tokenizer, prompt.tokens + completion) == "The diseases"


def test_biogpt_keeps_words_but_not_spaces(
    shared_data: Path, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    pytest.importorskip("sacremoses")
    tokenizer = load_tokenizer(str(shared_data / "tokenizers" / "biogpt"))
    for template in BODIES:
        encoder = encoder_for(tokenizer, template)
        asked = record(question="Is b.i.d. dosing (5 mg/dL) safe?", answer="Yes, it is.\nTake 2 tablets.")

        prompt = encoder.prompt(asked)
        completion = encoder.completion(prompt, encoder.reference(asked), closed=True)

        start = tokenizer("x")["input_ids"][0]
        assert (prompt.tokens[0], prompt.tokens.count(start)) == (start, 1)
        assert (completion[-1], completion.count(tokenizer.eos_token_id)) == (tokenizer.eos_token_id, 1)
        text = tokenizer.decode(prompt.tokens[1:] + completion[:-1])
        assert "".join(text.split()) == "".join((prompt.text + encoder.reference(asked)).split())


# --- long prompts


@given(length=st.integers(0, 300), limit=st.integers(2, 200))
def test_a_long_prompt_loses_its_middle(
    bytes_only: Any,
    encoder_for: Callable[..., Encoder],
    record: Callable[..., Record],
    length: int,
    limit: int,
):
    asked = record(question="q" * length)
    whole = encoder_for(bytes_only, "symptoms").prompt(asked)

    prompt = encoder_for(bytes_only, "symptoms", prompt_limit=limit).prompt(asked)

    head, tail = limit // 2, limit - limit // 2
    assert prompt.text == whole.text
    assert prompt.truncated == (len(whole.tokens) > limit)
    if prompt.truncated:
        assert prompt.tokens == whole.tokens[:head] + whole.tokens[-tail:]
    else:
        assert prompt.tokens == whole.tokens


def test_a_shortened_prompt_still_asks_for_the_answer(
    tokenizer: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    encoder = encoder_for(tokenizer, "symptoms", prompt_limit=60)
    prompt = encoder.prompt(record(question="headache, " * 500))

    text = spelled(tokenizer, prompt.tokens)

    assert len(prompt.tokens) == 60
    assert text.startswith("Given these sym")
    assert text.endswith("The disease is:")


def test_the_length_of_a_prompt_never_depends_on_its_answer(
    bytes_only: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    encoder = encoder_for(bytes_only, "question", prompt_limit=50, max_length=64)
    question = "Why? " * 30

    prompts = [encoder.prompt(record(question=question, answer="x" * n)) for n in (1, 10, 1000)]

    assert prompts[0] == prompts[1] == prompts[2]
    assert len(prompts[0].tokens) == 50


def test_an_end_token_that_the_tokenizer_appends_is_taken_off_the_prompt(
    bytes_only: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    ending = copy.deepcopy(bytes_only)
    ending.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    assert ending("x")["input_ids"][-1] == ending.eos_token_id

    prompt = encoder_for(ending, "symptoms").prompt(record())

    assert prompt == encoder_for(bytes_only, "symptoms").prompt(record())


# --- choices

EXAM = {
    "options": ["Heart", "Lung.", " Liver "],
    "answer_index": 2,
    "answer": "Liver",
    "explanation": "Bile.",
}


def test_labels_are_the_choices_of_a_diagnosis(
    bytes_only: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    encoder = encoder_for(bytes_only, "symptoms", labels=("Gout", "Flu"))

    assert encoder.choices(record(label="Flu")) == {"Gout": " Gout", "Flu": " Flu"}


@pytest.mark.parametrize(
    ("template", "answer", "texts"),
    [
        ("choices", "letter", [" A", " B", " C"]),
        ("choices", "text", [" Heart", " Lung.", " Liver"]),
        ("choices", "text_and_explanation", [" Heart.", " Lung.", " Liver."]),
        ("question", "letter", ["A", "B", "C"]),
        ("medical_question", "text", ["Heart", "Lung.", "Liver"]),
    ],
)
def test_options_are_chosen_under_their_letters(
    template: str,
    answer: str,
    texts: list[str],
    bytes_only: Any,
    encoder_for: Callable[..., Encoder],
    record: Callable[..., Record],
):
    encoder = encoder_for(bytes_only, template, answer=answer)

    choices = encoder.choices(record(**EXAM))

    assert choices == dict(zip("ABC", texts, strict=True))


def test_yes_no_maybe_are_chosen_by_their_words(
    bytes_only: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    encoder = encoder_for(bytes_only, "choices", answer="letter")
    asked = record(options=["yes", "no", "maybe"], answer_index=1, answer="no")

    assert encoder.choices(asked) == {"A": " yes", "B": " no", "C": " maybe"}
    assert encoder.reference(asked) == " no"


def test_an_explanation_in_a_choice_would_give_the_answer_away(
    bytes_only: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    encoder = encoder_for(bytes_only, "choices", answer="text_and_explanation")

    assert encoder.reference(record(**EXAM)) == " Liver. Bile."
    assert "Bile" not in "".join((encoder.choices(record(**EXAM)) or {}).values())


@pytest.mark.parametrize("answer", ["letter", "text", "text_and_explanation"])
def test_the_reference_is_the_right_choice(
    answer: str, bytes_only: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    encoder = encoder_for(bytes_only, "choices", answer=answer)
    asked = record(**{**EXAM, "explanation": None})

    assert encoder.reference(asked) == (encoder.choices(asked) or {})["C"]


def test_open_questions_have_no_choices(
    bytes_only: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    assert encoder_for(bytes_only, "question").choices(record()) is None


def test_examples_that_were_not_made_are_told_as_such(tmp_path: Path, bytes_only: Any):
    with pytest.raises(DataError, match=r"examples\.json is missing"):
        load_encoder(tmp_path, bytes_only)
