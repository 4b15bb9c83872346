from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from medadapt.core.errors import ModelError
from medadapt.models.loading import LoadedBase
from medadapt.models.lora import attach_lora, lora_layers
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.models.targets import resolve_targets
from medadapt.models.tiny_config import tiny_config
from medadapt.predictions.generation import generate
from medadapt.serving.sampling import Sampling
from medadapt.serving.writing import GrowingText, StoppingText, continued

PROMPTS = ([5, 17, 33, 40, 8], [9, 60, 61])
FAMILIES = ("llama", "opt", "biogpt", "gpt2", "gpt_neox", "mistral", "qwen3", "gemma", "gemma2", "phi3")


def tuned_base(family):
    """A tiny model of an architecture with an adapter that changes what it says."""
    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    config = tiny_config(family, vocabulary_size=len(tokenizer), tokenizer=tokenizer)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    attach_lora(model, resolve_targets(model, "all-linear"), rank=4, alpha=8, dropout=0.0, seed=1)
    for _, layer in lora_layers(model):
        torch.nn.init.normal_(layer.lora_B, std=0.3)
    assert isinstance(AutoConfig.for_model(family), type(config))
    return LoadedBase(
        model=model,
        tokenizer=tokenizer,
        device=torch.device("cpu"),
        dtype=torch.float32,
        sha256="",
        name="tiny",
    )


OVERFLOWS = 90


def overflowing_base():
    """A tiny model that gives no numbers once it has read the token OVERFLOWS, and does not write it itself."""
    base = tuned_base("llama")
    base.model.get_output_embeddings().weight.data[OVERFLOWS] = 0
    base.model.get_input_embeddings().weight.data[OVERFLOWS] = torch.nan
    return base


def written(base, prompt, sampling=None, most=24, closing=()):
    return list(
        continued(base, prompt, sampling=sampling or Sampling(), max_new_tokens=most, closing_ids=closing)
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_token_by_token_gives_what_generate_gives(family):
    base = tuned_base(family)
    greedy = generate(base, PROMPTS, max_new_tokens=24, closing_ids=[], batch_tokens=1)
    assert [written(base, prompt) for prompt in PROMPTS] == greedy


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "mamba", "state_size": 4, "expand": 2, "conv_kernel": 4},
        {"model_type": "mamba2", "num_heads": 4, "head_dim": 16, "state_size": 8, "n_groups": 1, "chunk_size": 8},
        {"model_type": "rwkv", "attention_hidden_size": 32, "intermediate_size": 64, "context_length": 64},
        {"model_type": "recurrent_gemma", "num_attention_heads": 4, "intermediate_size": 64, "lru_width": 32},
    ],
    ids=lambda config: config["model_type"],
)  # fmt: skip
def test_models_with_a_memory_of_another_kind_write_what_they_write_without_it(config):
    size = {"vocab_size": 258, "hidden_size": 32, "num_hidden_layers": 3}
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**size, **ends, **config)).eval()
    for weight in model.parameters():
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.3)
    tokens = list(PROMPTS[0])
    with torch.no_grad():
        for _ in range(12):
            tokens.append(
                int(model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1].argmax())
            )
    wanted = tokens[len(PROMPTS[0]) :]
    assert len(set(wanted)) > 1
    assert written(replace(tuned_base("llama"), model=model), PROMPTS[0], most=12) == wanted


def test_the_closing_token_ends_an_answer_and_is_not_given():
    base = tuned_base("llama")
    free = written(base, PROMPTS[0])
    place = free.index(free[7])
    assert written(base, PROMPTS[0], closing={free[7]}) == free[:place]


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.7},
        {"temperature": 1.0, "top_k": 5},
        {"temperature": 1.3, "top_p": 0.8},
        {"temperature": 0.9, "top_k": 20, "top_p": 0.9, "repetition_penalty": 1.3},
        {"temperature": 0.0, "repetition_penalty": 1.5},
    ],
)
def test_sampling_draws_what_transformers_draws(options):
    """With the same seed, so equal draws mean equal probabilities."""
    base = tuned_base("llama")
    drawn = options["temperature"] > 0
    ours = written(base, PROMPTS[0], Sampling(**options, seed=7 if drawn else None))
    asked = {**options, "do_sample": True} if drawn else {"repetition_penalty": 1.5, "do_sample": False}
    torch.manual_seed(7)
    theirs = base.model.generate(
        torch.tensor([PROMPTS[0]]),
        attention_mask=torch.ones(1, len(PROMPTS[0]), dtype=torch.long),
        **({"top_k": 0, "top_p": 1.0} | asked),
        max_new_tokens=24,
        eos_token_id=None,
        pad_token_id=0,
    )
    assert ours == theirs[0, len(PROMPTS[0]) :].tolist()


@pytest.mark.parametrize("temperature", [1e-38, 1e-300])
def test_the_smallest_temperatures_take_the_likeliest_token(temperature):
    base = tuned_base("llama")
    sampling = Sampling(temperature=temperature, seed=7)
    assert written(base, PROMPTS[0], sampling) == written(base, PROMPTS[0])


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, seed=0)])
def test_a_text_after_which_the_model_gives_no_numbers_is_not_written_on(sampling):
    with pytest.raises(ModelError, match="not finite numbers"):
        written(overflowing_base(), [5, OVERFLOWS, 6], sampling)


def test_gradients_are_as_before_between_two_tokens():
    tokens = continued(tuned_base("llama"), [5, 6], sampling=Sampling(), max_new_tokens=2, closing_ids=())
    next(tokens)
    assert torch.is_grad_enabled()


TOKENIZER = byte_tokenizer()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(2, len(TOKENIZER) - 1), max_size=30))
def test_pieces_make_the_whole_text_whatever_the_tokens(tokens):
    growing = GrowingText(TOKENIZER)
    pieces = [growing.add(token) for token in tokens]
    assert "".join([*pieces, growing.rest()]) == TOKENIZER.decode(tokens, skip_special_tokens=True).strip()


@given(st.text(max_size=20))
def test_no_half_character_is_ever_given(text):
    growing = GrowingText(TOKENIZER)
    pieces = [growing.add(token) for token in TOKENIZER(text, add_special_tokens=False)["input_ids"]]
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces)
    assert "".join([*pieces, growing.rest()]) == text.strip()


NOTE = (
    "Fever, cough and \"night sweats\" (for 3-4 weeks) don't fit; see Dr. Müller's note: 38.5 °C. "
    "5 % — β-blockers? Yes!\n\n1. Rest.\n2. Drink ½ l."
)


@pytest.mark.parametrize("name", ["biogpt", "gpt2", "llama2", "opt", "pythia"])
def test_pieces_make_the_whole_text_with_real_tokenizers(name, shared_data):
    tokenizer = AutoTokenizer.from_pretrained(shared_data / "tokenizers" / name)
    tokens = tokenizer(NOTE, add_special_tokens=False)["input_ids"]
    growing = GrowingText(tokenizer)
    pieces = [growing.add(token) for token in tokens]
    assert "".join([*pieces, growing.rest()]) == tokenizer.decode(tokens, skip_special_tokens=True).strip()
    assert sum(map(bool, pieces)) > len(tokens) / 2


@pytest.mark.parametrize("name", ["gpt2", "llama2", "opt", "pythia"])
@pytest.mark.parametrize("place", [1, 7, 20, 31])
def test_a_text_written_on_keeps_its_white_space(name, place, shared_data):
    tokenizer = AutoTokenizer.from_pretrained(shared_data / "tokenizers" / name)
    tokens = tokenizer(NOTE + "  \n\n", add_special_tokens=False)["input_ids"]
    whole, stands = tokenizer.decode(tokens), tokenizer.decode(tokens[:place]).rstrip("\ufffd")
    growing = GrowingText(tokenizer, tokens[:place][-8:])
    pieces = [growing.add(token) for token in tokens[place:]]
    assert stands + "".join([*pieces, growing.rest()]) == whole


def test_a_text_written_on_ends_at_a_line_break_that_comes_first():
    growing = StoppingText(TOKENIZER, ["\n"], before=TOKENIZER("a", add_special_tokens=False)["input_ids"])
    pieces = [growing.add(token) for token in TOKENIZER("\nfoo", add_special_tokens=False)["input_ids"]]
    assert growing.stopped
    assert "".join(pieces) == ""


class Rewriting:
    """Closes up the space before a full stop, as some tokenizers do, and takes back a word."""

    def decode(self, tokens, **_):
        text = " ".join(["It", "is", "a", "cold", ".", "No", "flu"][: len(tokens)])
        return text.replace(" .", ".").replace("No flu", "Flu")


def test_what_was_given_stands_although_the_tokenizer_rewrites_it():
    growing = GrowingText(Rewriting())
    pieces = [growing.add(token) for token in range(7)]
    assert pieces == ["It", " is", " a", " cold", ".", " No", ""]
    assert growing.rest() == "Flu"
    assert growing.text == "It is a cold. Flu"


def stopped(text, stops):
    """What a text of bytes gives, a character at a time, with these stops; and whether one came."""
    tokenizer = byte_tokenizer()
    growing = StoppingText(tokenizer, stops)
    pieces = []
    for token in tokenizer(text, add_special_tokens=False)["input_ids"]:
        pieces.append(growing.add(token))
        if growing.stopped:
            break
    pieces.append(growing.rest())
    return pieces, growing


@given(
    st.text(alphabet="ab ", max_size=20).map(str.strip),
    st.lists(st.text(alphabet="ab", min_size=1, max_size=4), max_size=3),
)
@settings(max_examples=200, deadline=None)
def test_a_text_ends_before_the_first_stop(text, stops):
    pieces, growing = stopped(text, stops)
    ends = [text.find(stop) for stop in stops if stop in text]
    # The stop that is complete first ends the text, wherever it began.
    complete = [text.find(stop) + len(stop) for stop in stops if stop in text]
    seen = text[: min(complete)] if complete else text
    expected = seen[: min(seen.find(stop) for stop in stops if stop in seen)] if complete else text
    assert "".join(pieces) == growing.text == expected
    assert growing.stopped is bool(ends)


def test_text_that_may_begin_a_stop_is_held_back_until_it_does_not():
    pieces, _ = stopped("xEN EN", ["END"])
    assert "".join(pieces[:2]) == "x"
    assert "".join(pieces) == "xEN EN"
