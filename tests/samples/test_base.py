"""The bundled base: small, whole, in bf16, and as good on new text as its build log says."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoTokenizer

from medadapt.samples.bundled_base import BASE

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sample_base"))

from pretraining import Plan
from reading.corpus import documents

MOST_BYTES = 16 * 2**20


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(BASE)


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).eval()


def loss_on(model, tokenizer, texts: list[str]) -> float:
    """Nats per token over whole texts, the closing token included."""
    total, count = 0.0, 0
    for text in texts:
        ids_1T = torch.tensor([[*tokenizer(text)["input_ids"], tokenizer.eos_token_id]])
        with torch.no_grad():
            logits_TV = model(input_ids=ids_1T).logits[0, :-1]
        total += cross_entropy(logits_TV, ids_1T[0, 1:], reduction="sum").item()
        count += ids_1T.shape[1] - 1
    return total / count


def test_the_weights_are_bf16_and_small_enough_for_a_package():
    with safe_open(BASE / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.bfloat16}  # noqa: SIM118
    assert (BASE / "model.safetensors").stat().st_size <= MOST_BYTES


def test_the_build_was_made_with_the_plan_that_the_script_has():
    build = json.loads((BASE / "build.json").read_text(encoding="utf-8"))
    assert build["plan"] == asdict(Plan())


def test_a_text_begins_with_one_opening_token(tokenizer):
    ids = tokenizer("Angina is a condition.")["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.bos_token_id) == 1
    assert tokenizer.eos_token_id not in ids


def test_the_special_tokens_are_three_different_ones(tokenizer, model):
    ids = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    assert len(ids) == 3
    assert {model.config.bos_token_id, model.config.eos_token_id, model.config.pad_token_id} == ids


@pytest.mark.parametrize(
    "text", ["Fieber über 39 °C, 12 Tage.", "emoji 🩺 and\n\ttabs", "<s> stays text? | a_b"]
)
def test_any_text_survives_the_tokenizer(tokenizer, text: str):
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]).replace("<s>", "") == (
        text.replace("<s>", "")
    )


def test_the_rotary_frequencies_are_fp32_also_under_bf16_weights():
    loaded = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.bfloat16)
    width = loaded.config.hidden_size // loaded.config.num_attention_heads
    theta = loaded.config.rope_parameters["rope_theta"]
    expected = 1.0 / theta ** (torch.arange(0, width, 2, dtype=torch.float64) / width)
    found = loaded.model.rotary_emb.inv_freq
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=0)


def test_saved_and_loaded_again_it_computes_the_same(model, tokenizer, tmp_path: Path):
    kept = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.bfloat16)
    kept.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    ids_1T = torch.tensor([tokenizer("Angina usually brings chest pain.")["input_ids"]])
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids_1T).logits, again(input_ids=ids_1T).logits)


def test_it_reads_new_text_as_well_as_its_log_says(model, tokenizer):
    log = (BASE / "training_log.jsonl").read_text(encoding="utf-8").splitlines()
    recorded = json.loads(log[-1])["held_out_loss"]
    texts = list(islice(documents("held out"), 120))  # no step of the build saw this seed
    # The log's windows cut texts in the middle and begin without context; whole texts cost about the same.
    assert loss_on(model, tokenizer, texts) == pytest.approx(recorded, rel=0.1)


def test_shuffled_words_cost_much_more_than_the_text(model, tokenizer):
    text = next(islice(documents("held out"), 3, None))
    words = text.split()
    assert loss_on(model, tokenizer, [" ".join(reversed(words))]) > 2 * loss_on(model, tokenizer, [text])
