"""LoRA targets by architecture, on the real classes at tiny size."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, MambaConfig, MambaForCausalLM

from medadapt.core.errors import ModelError
from medadapt.models.agreement import verify_forward
from medadapt.models.forward import final_hidden
from medadapt.models.smoke_base import byte_tokenizer, family_of
from medadapt.models.targets import resolve_targets, short_names
from medadapt.models.tiny_config import tiny_config
from medadapt.models.vocabulary import vocabulary_logits
from tiny import tiny_llama, tiny_opt

LLAMA = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
OPT = ["fc1", "fc2", "k_proj", "out_proj", "q_proj", "v_proj"]
EXPECTED = {"llama": LLAMA, "mistral": LLAMA, "qwen2": LLAMA, "gemma2": LLAMA, "opt": OPT, "biogpt": OPT}


def build(model_type):
    tokenizer = byte_tokenizer()
    config = tiny_config(model_type, vocabulary_size=len(tokenizer), tokenizer=tokenizer)
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()


@pytest.mark.parametrize("model_type", EXPECTED)
def test_all_linear_means_the_decoders_linear_layers(model_type):
    names = resolve_targets(build(model_type), "all-linear")
    assert short_names(names) == EXPECTED[model_type]
    assert len(names) == 2 * len(EXPECTED[model_type])


def test_attention_means_the_attention_blocks_only():
    assert short_names(resolve_targets(tiny_llama(), "attention")) == ["k_proj", "o_proj", "q_proj", "v_proj"]
    assert short_names(resolve_targets(tiny_opt(), "attention")) == ["k_proj", "out_proj", "q_proj", "v_proj"]


def test_a_list_of_names_is_taken_as_it_stands():
    assert short_names(resolve_targets(tiny_llama(), ("q_proj", "v_proj"))) == ["q_proj", "v_proj"]


def test_names_that_match_nothing_are_listed_with_the_real_ones():
    with pytest.raises(ModelError, match="o_proj, gate_proj") as caught:
        resolve_targets(tiny_opt(), ("q_proj", "o_proj", "gate_proj"))
    assert "out_proj" in caught.value.expected


def test_a_decoder_without_attention_is_told_with_the_layers_it_has():
    shape = {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 1, "vocab_size": 11}
    with pytest.raises(
        ModelError, match="asks for attention, which the decoder of MambaForCausalLM does"
    ) as caught:
        resolve_targets(MambaForCausalLM(MambaConfig(**shape)), "attention")
    assert "in_proj" in caught.value.expected


@pytest.mark.parametrize(
    "model_type", [*EXPECTED, "gpt2", "gpt_neox", "phi", "phi3", "qwen3", "gemma", "gemma3_text"]
)
def test_the_forward_pass_in_two_parts_gives_the_models_own_logits(model_type):
    model = build(model_type)
    verify_forward(model)
    tokens = torch.tensor([[1, 5, 9, 30, 7]])
    with torch.no_grad():
        ours = vocabulary_logits(model, final_hidden(model, tokens))
        torch.testing.assert_close(ours, model(input_ids=tokens).logits)


def test_right_padding_without_a_mask_does_not_move_the_logits_of_real_tokens():
    for model in (tiny_llama(), tiny_opt()):
        row = torch.tensor([[5, 9, 30, 7]])
        padded = torch.tensor([[5, 9, 30, 7, 0, 0, 0]])
        with torch.no_grad():
            alone, beside = final_hidden(model, row), final_hidden(model, padded)[:, :4]
        torch.testing.assert_close(beside, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("base", "family"),
    [("facebook/opt-1.3b", "opt"), ("meta-llama/Llama-3.1-8B", "llama"), ("mistralai/Mistral-7B-v0.1", "mistral"),
     ("microsoft/biogpt", "biogpt"), ("Qwen/Qwen2.5-0.5B", "qwen2"),
     ("google/gemma-2-2b", "gemma2"), ("google/gemma-2b", "gemma"), ("google/gemma-3-1b-it", "gemma3_text"),
     ("google/medgemma-27b-text-it", "gemma3_text"), ("openai-community/gpt2", "gpt2"),
     ("EleutherAI/pythia-70m", "gpt_neox"),
     ("BioMistral/BioMistral-7B", "mistral"), ("microsoft/phi-2", "phi"), ("microsoft/Phi-3-mini-4k-instruct", "phi3"),
     ("Qwen/Qwen3-0.6B", "qwen3")],
)  # fmt: skip
def test_a_models_name_tells_its_family(base, family):
    assert family_of(base) == family


def test_an_unknown_name_is_an_error():
    with pytest.raises(ModelError, match="someone/thing"):
        family_of("someone/thing")


def test_the_output_head_cannot_carry_an_adapter():
    with pytest.raises(ModelError, match="lm_head, the output layer"):
        resolve_targets(tiny_llama(), ("q_proj", "lm_head"))
