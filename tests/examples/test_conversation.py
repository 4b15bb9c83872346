"""Earlier exchanges: read and learned as they were once written, whatever the tokenizer or the wording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medadapt.core.errors import DataError
from medadapt.core.records import Record
from medadapt.examples.conversation import exchanges, num_earlier_exchanges, plain_parts, without_oldest
from medadapt.examples.encoding import EncodedPrompt, Encoder
from medadapt.examples.masking import IGNORED, mask
from medadapt.examples.templates import BODIES, Wording
from medadapt.models.loading import load_tokenizer

SAID = (
    "My head hurts.",
    "Since when?",
    "For 3 days.",
    "Drink water (2 l/day).",
    "And then?",
    "See a doctor.",
)
LINE = st.text("abcdefg .,?(\u00e9\u03b2", min_size=1, max_size=14).map(str.strip).filter(bool)


def wording(template: str, system: str | None = None) -> Wording:
    return Wording(template=template, system=system, options=False, answer="text")


def answered(prompt: EncodedPrompt) -> list[list[int]]:
    return [prompt.tokens[start:end] for start, end in prompt.answered]


# --- the words


def test_a_dialogue_is_between_patient_and_doctor(dialogue: Callable[..., Record]):
    parts = plain_parts(dialogue(*SAID[:4]), wording("dialogue"))

    assert parts.asked == ["Patient: My head hurts.\n\nDoctor:", "\n\nPatient: For 3 days.\n\nDoctor:"]
    assert parts.answers == [" Since when?"]
    assert parts.text("</s>") == (
        "Patient: My head hurts.\n\nDoctor: Since when?</s>\n\nPatient: For 3 days.\n\nDoctor:"
    )


def test_what_the_system_says_comes_first_and_once(dialogue: Callable[..., Record]):
    parts = plain_parts(dialogue(*SAID, system="Be kind."), wording("dialogue", system="Be brief."))

    assert parts.asked[0] == "Be brief.\n\nBe kind.\n\nPatient: My head hurts.\n\nDoctor:"
    assert "Be" not in "".join(parts.asked[1:])


def test_context_belongs_to_the_last_question(dialogue: Callable[..., Record]):
    parts = plain_parts(dialogue(*SAID[:4], context="Aged 40."), wording("dialogue"))

    assert "Aged" not in parts.asked[0]
    assert parts.asked[1] == "\n\nContext: Aged 40.\n\nPatient: For 3 days.\n\nDoctor:"


def test_an_opening_sentence_is_not_repeated(dialogue: Callable[..., Record]):
    parts = plain_parts(dialogue(*SAID[:4]), wording("medical_question"))

    assert parts.asked == [
        "Give an answer for the following medical question.\n\n### Question:\nMy head hurts.\n\n### Answer:\n\n",
        "\n\n### Question:\nFor 3 days.\n\n### Answer:\n\n",
    ]
    assert parts.answers == ["Since when?"]


@pytest.mark.parametrize("template", BODIES)
def test_no_template_loses_a_turn(template: str, dialogue: Callable[..., Record]):
    text = plain_parts(dialogue(*SAID, system="Be kind."), wording(template)).text("</s>")

    places = [text.index(said) for said in ("Be kind.", *SAID[:-1])]
    assert places == sorted(places)
    assert text.count("</s>") == 2


# --- exchanges of a record


def test_only_the_last_exchange_brings_options_and_context(dialogue: Callable[..., Record]):
    first, last = exchanges(dialogue(*SAID[:4], context="c", options=["a", "b"], answer_index=0, qtype="q"))

    assert (first.context, first.options, first.qtype, first.answer) == (None, None, None, "Since when?")
    assert (last.context, last.options, last.qtype) == ("c", ["a", "b"], "q")


def test_the_oldest_exchanges_go_and_the_system_turn_stays(dialogue: Callable[..., Record]):
    talk = dialogue(*SAID, system="Be kind.")

    shorter = without_oldest(talk, 1)

    assert (num_earlier_exchanges(talk), num_earlier_exchanges(shorter)) == (2, 1)
    assert [turn["content"] for turn in shorter.history] == [
        "Be kind.",
        "For 3 days.",
        "Drink water (2 l/day).",
    ]
    assert shorter.question == talk.question


@pytest.mark.parametrize(
    "roles",
    [["user"], ["assistant", "user"], ["user", "user"], ["user", "assistant", "system"], ["user", "doctor"]],
)
def test_turns_in_the_wrong_order_are_refused(roles: list[str], record: Callable[..., Record]):
    talk = record(id="r7", history=[{"role": role, "content": "x"} for role in roles])

    with pytest.raises(DataError, match=f"record r7: its history goes {' '.join(roles)}"):
        exchanges(talk)


# --- the tokens


@settings(max_examples=60)
@given(said=st.lists(LINE, min_size=2, max_size=8), template=st.sampled_from(sorted(BODIES)))
def test_what_was_written_is_what_is_read_again(
    tokenizer: Any,
    encoder_for: Callable[..., Encoder],
    dialogue: Callable[..., Record],
    said: list[str],
    template: str,
):
    encoder = encoder_for(tokenizer, template)
    said = said[: len(said) // 2 * 2]
    before, last = EncodedPrompt(text="", tokens=[], truncated=False), [0]
    for upto in range(2, len(said) + 1, 2):
        talk = dialogue(*said[:upto])
        prompt = encoder.prompt(talk)
        completion = encoder.completion(prompt, encoder.reference(talk), closed=True)

        assert prompt.tokens[: len(before.tokens)] == before.tokens
        assert prompt.answered[:-1] == before.answered
        if upto > 2:
            assert answered(prompt)[-1] == last
        before, last = prompt, completion
    assert len(before.answered) == len(said) // 2 - 1


def test_every_answer_and_its_end_is_learned_and_nothing_else(
    tokenizer: Any, encoder_for: Callable[..., Encoder], dialogue: Callable[..., Record]
):
    encoder = encoder_for(tokenizer, "dialogue")
    talk = dialogue(*SAID, system="Be kind.")
    prompt = encoder.prompt(talk)
    completion = encoder.completion(prompt, encoder.reference(talk), closed=True)

    tokens, labels, _ = mask(prompt.tokens, completion, encoder.max_length, prompt.answered)

    learned = [token for token, label in zip(tokens, labels, strict=True) if label != IGNORED]
    assert [label for label in labels if label != IGNORED] == learned
    assert labels.count(encoder.closing_ids[0]) == 3
    expected = [encoder.completion(prompt, f" {text}", closed=True) for text in SAID[1::2]]
    assert learned == [token for answer in expected for token in answer]
    read = tokenizer.decode([token for token, label in zip(tokens, labels, strict=True) if label == IGNORED])
    assert all(text in read for text in ("Be kind.", *SAID[::2]))
    assert not any(text in read for text in SAID[1::2])


def test_a_conversation_comes_back_from_its_tokens(
    tokenizer: Any, encoder_for: Callable[..., Encoder], dialogue: Callable[..., Record]
):
    prompt = encoder_for(tokenizer, "dialogue").prompt(dialogue(*SAID))

    text = tokenizer.decode(prompt.tokens).removeprefix(tokenizer.bos_token).lstrip(" ")

    # SentencePiece shows a special token with the blank that its next text would begin with.
    assert text.replace("</s> \n", "</s>\n") == prompt.text


def test_a_conversation_starts_once(
    tokenizer: Any, encoder_for: Callable[..., Encoder], dialogue: Callable[..., Record]
):
    tokens = encoder_for(tokenizer, "dialogue").prompt(dialogue(*SAID)).tokens
    starts = tokens.count(tokenizer.bos_token_id)

    if tokenizer.bos_token_id == tokenizer.eos_token_id:
        assert starts == 2 + (tokens[0] == tokenizer.bos_token_id)
    else:
        assert starts <= 1


def test_data_never_closes_an_earlier_answer(
    tokenizer: Any, encoder_for: Callable[..., Encoder], dialogue: Callable[..., Record]
):
    end = tokenizer.eos_token
    prompt = encoder_for(tokenizer, "dialogue").prompt(dialogue(f"a {end}", f"b {end} c", f"{end} d", "e"))

    (answer,) = answered(prompt)
    assert answer.count(tokenizer.eos_token_id) == 1
    assert prompt.tokens[1:].count(tokenizer.eos_token_id) == 1


def test_biogpt_learns_every_answer(
    shared_data: Path, encoder_for: Callable[..., Encoder], dialogue: Callable[..., Record]
):
    pytest.importorskip("sacremoses")
    tokenizer = load_tokenizer(str(shared_data / "tokenizers" / "biogpt"))
    encoder = encoder_for(tokenizer, "dialogue")
    first, talk = dialogue(*SAID[:2]), dialogue(*SAID[:4])
    once, again = encoder.prompt(first), encoder.prompt(talk)

    assert again.tokens[: len(once.tokens)] == once.tokens
    assert answered(again) == [encoder.completion(once, encoder.reference(first), closed=True)]
    assert tokenizer.decode(again.tokens[1:]).replace(" ", "") == again.text.replace(" ", "").replace(
        "\n", ""
    )


# --- long conversations


@settings(max_examples=60)
@given(said=st.lists(LINE, min_size=2, max_size=12), limit=st.integers(20, 160))
def test_a_long_conversation_loses_its_oldest_exchanges_first(
    bytes_only: Any,
    encoder_for: Callable[..., Encoder],
    dialogue: Callable[..., Record],
    said: list[str],
    limit: int,
):
    talk = dialogue(*said[: len(said) // 2 * 2], system="Be kind.")
    whole = encoder_for(bytes_only, "dialogue")

    prompt = encoder_for(bytes_only, "dialogue", prompt_limit=limit).prompt(talk)

    assert len(prompt.tokens) <= limit
    assert prompt.text == whole.prompt_text(talk)
    kept = whole.prompt(without_oldest(talk, prompt.exchanges_left_out))
    assert prompt.truncated == (len(whole.prompt(talk).tokens) > limit)
    assert prompt.cut == (len(kept.tokens) > limit)
    if prompt.exchanges_left_out:  # one exchange more would not have fitted
        assert len(whole.prompt(without_oldest(talk, prompt.exchanges_left_out - 1)).tokens) > limit
    if len(kept.tokens) <= limit:
        assert (prompt.tokens, prompt.answered) == (kept.tokens, kept.answered)
    else:
        assert (num_earlier_exchanges(talk), prompt.answered) == (prompt.exchanges_left_out, ())
        assert prompt.tokens[-(limit // 2) :] == kept.tokens[-(limit // 2) :]


def test_a_shortened_conversation_is_still_learned_where_it_is_an_answer(
    bytes_only: Any, encoder_for: Callable[..., Encoder], dialogue: Callable[..., Record]
):
    prompt = encoder_for(bytes_only, "dialogue", prompt_limit=90).prompt(dialogue(*SAID))

    assert prompt.exchanges_left_out == 1
    assert [bytes_only.decode(tokens) for tokens in answered(prompt)] == [" Drink water (2 l/day).</s>"]
