from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy.special import softmax
from transformers import AutoConfig, AutoModelForCausalLM

from medadapt.models.agreement import verify_forward
from medadapt.predictions.batching import TokenBudget
from medadapt.predictions.questions import pose
from medadapt.predictions.scoring import best_choice, choice_scores, continuation_scores, probabilities


def score(model, questions, tokens=100_000):
    with torch.no_grad():
        return choice_scores(model, questions, budget=TokenBudget(tokens), advance=lambda _: None)


def continued(model, prompt, completions) -> list[float]:
    with torch.no_grad():
        (found,) = continuation_scores(model, [prompt], [completions], budget=TokenBudget(100_000))
    return found


def plain_score(model, prompt, completion) -> float:
    """Log-likelihood from one full row, with nothing shared or batched."""
    with torch.no_grad():
        logits_TV = model.model(input_ids=torch.tensor([[*prompt, *completion]])).logits[0].float()
    logprobs_TV = torch.log_softmax(logits_TV, -1)
    start = len(prompt) - 1
    return float(sum(logprobs_TV[start + place, token] for place, token in enumerate(completion)))


@pytest.mark.parametrize("kind", ["llama", "opt"])
@pytest.mark.parametrize("tokens", [1, 200, 100_000])
def test_scores_equal_full_rows(tiny, encoder_for, diagnoses, kind, tokens):
    model = tiny(kind)
    questions = pose(encoder_for(model.tokenizer), diagnoses, close_choices=True)
    for question, found in zip(questions, score(model, questions, tokens), strict=True):
        wanted = {
            name: plain_score(model, question.prompt.tokens, completion)
            for name, completion in question.choices.items()
        }
        assert list(found) == list(wanted)
        assert found == pytest.approx(wanted, abs=1e-4)


def test_decisions_in_bf16_are_those_of_plain_bf16_rows_except_near_ties(tiny, encoder_for, diagnoses):
    model = tiny("llama", torch.bfloat16)
    questions = pose(encoder_for(model.tokenizer), diagnoses, close_choices=True)
    for question, found in zip(questions, score(model, questions), strict=True):
        wanted = {
            name: plain_score(model, question.prompt.tokens, completion)
            for name, completion in question.choices.items()
        }
        assert wanted[best_choice(found)] >= max(wanted.values()) - 0.1


def test_one_token_prompt_needs_no_cache(tiny):
    model = tiny("opt")
    with torch.no_grad():
        found = continued(model, [7], [[8, 9], [10]])
    assert found == pytest.approx([plain_score(model, [7], [8, 9]), plain_score(model, [7], [10])], abs=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "mamba", "state_size": 4, "expand": 2, "conv_kernel": 4},
        {"model_type": "mamba2", "num_heads": 4, "head_dim": 16, "state_size": 8, "n_groups": 1, "chunk_size": 8},
        {"model_type": "lfm2", "layer_types": ["conv", "full_attention"], "num_attention_heads": 4,
         "num_key_value_heads": 2, "intermediate_size": 64, "block_multiple_of": 8},
        {"model_type": "jamba", "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 64,
         "use_mamba_kernels": False, "mamba_d_state": 4, "attn_layer_period": 2, "attn_layer_offset": 1},
    ],
    ids=lambda config: config["model_type"],
)  # fmt: skip
def test_models_with_a_memory_of_another_kind_get_whole_rows(tiny, config):
    torch.manual_seed(0)
    shape = {"vocab_size": 257, "hidden_size": 32, "num_hidden_layers": 2, "bos_token_id": 0, "eos_token_id": 0,
             "pad_token_id": 0}  # fmt: skip
    causal = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape, **config)).eval()
    model = replace(tiny("llama"), model=causal)
    completions = [[70, 71, 72], [70, 71], [80], [81, 5, 6, 9]]
    for prompt in ([9, 8, 7, 3, 2], [9]):
        wanted = [plain_score(model, prompt, completion) for completion in completions]
        assert continued(model, prompt, completions) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        {
            "model_type": "granite",
            "logits_scaling": 8.0,
            "embedding_multiplier": 2.0,
            "residual_multiplier": 0.5,
        },
        {"model_type": "cohere", "logit_scale": 0.25},
        {"model_type": "cohere2", "logit_scale": 0.25},
        {"model_type": "gemma2", "final_logit_softcapping": 3.0, "head_dim": 8},
    ],
    ids=lambda config: config["model_type"],
)
def test_what_an_architecture_does_with_its_logits_is_done_to_scores(tiny, config):
    torch.manual_seed(0)
    shape = {"vocab_size": 257, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "intermediate_size": 64, "bos_token_id": 0, "eos_token_id": 0,
             "pad_token_id": 0, "initializer_range": 0.3}  # fmt: skip
    causal = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape, **config)).eval()
    verify_forward(causal)
    model = replace(tiny("llama"), model=causal)
    completions = [[70, 71, 72], [70, 71], [80]]
    wanted = [plain_score(model, [9, 8, 7], completion) for completion in completions]
    assert continued(model, [9, 8, 7], completions) == pytest.approx(wanted, abs=1e-4)


def test_a_label_that_begins_like_another_does_not_win_by_being_shorter(tiny, encoder_for, diagnoses):
    model = tiny("llama")
    encoder = encoder_for(model.tokenizer)
    (question,) = pose(encoder, diagnoses[:1], close_choices=True)
    short, long = question.choices["Diabetes"], question.choices["Diabetes insipidus"]
    assert short[-1] == long[-1] == encoder.closing_ids[0]
    assert long[: len(short)] != short


def test_the_first_of_equal_scores_is_chosen():
    assert best_choice({"B": -2.0, "C": -1.0, "A": -1.0}) == "C"


def test_probabilities_are_the_softmax_of_the_scores():
    scores = {"A": -700.0, "B": -701.5, "C": -1.0e4}
    assert list(probabilities(scores).values()) == pytest.approx(softmax(list(scores.values())).tolist())


@pytest.mark.parametrize("kind", ["gpt2", "gpt_neox", "biogpt", "mistral"])
def test_continuing_from_the_kept_prompt_is_exact_in_other_families(tiny, kind):
    torch.manual_seed(0)
    shape = {
        "vocab_size": 257, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 64, "max_position_embeddings": 128, "bos_token_id": 0, "eos_token_id": 0,
    }  # fmt: skip
    if kind == "mistral":
        shape |= {"num_key_value_heads": 2, "sliding_window": 8}  # shorter than the prompt
    config = AutoConfig.for_model(kind, **shape)
    causal = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    for weight in causal.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.3)
    model = replace(tiny("llama"), model=causal)
    prompt, completions = list(range(40, 60)), [[5], [6, 7, 8], [9, 10]]
    with torch.no_grad():
        found = continued(model, prompt, completions)
    assert found == pytest.approx([plain_score(model, prompt, some) for some in completions], abs=1e-4)
