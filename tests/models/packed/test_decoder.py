"""Packed rows against the model's own modules and plain PEFT: hidden states, and every gradient."""

from __future__ import annotations

import copy
import gc
import weakref

import pytest
import torch
from torch.nn import functional
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from medadapt.examples.masking import IGNORED
from medadapt.models.forward import final_hidden
from medadapt.models.lora import adapter_tensors, attach_lora, lora_layers
from medadapt.models.packed import attention, decoder
from medadapt.models.packed import layer as layer_module
from medadapt.models.packed.decoder import fits_window, pack_for, packed_decoder, packed_hidden
from medadapt.models.packed.rows import Branch, pack_branches, pack_rows
from medadapt.models.speaking import speaking_as
from medadapt.models.targets import resolve_targets
from medadapt.training.engine import accumulate_gradient
from medadapt.training.loss import rows_nll
from medadapt.training.memory import MemoryPlan
from medadapt.training.scaling import FIRST_SCALE
from tiny import VOCABULARY, random_rows, tiny_llama, tiny_opt
from training.test_gradients import adapted, largest_error, peft_gradients, plain_nll

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 56,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
}
MODELS = {
    "llama": (LlamaConfig, LlamaForCausalLM, {}),
    "llama-biases": (LlamaConfig, LlamaForCausalLM, {"attention_bias": True, "mlp_bias": True}),
    "llama-scaled": (
        LlamaConfig,
        LlamaForCausalLM,
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            }
        },
    ),
    "mistral": (MistralConfig, MistralForCausalLM, {"head_dim": 16}),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {}),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {"head_dim": 16}),
}
TOLERANCE = {torch.float64: 1e-10, torch.float32: 5e-5}


BEGINNING = [3, 5, 7, 9, 4, 6, 8]


def beginning_alike(rows, *, learned):
    """The rows behind a common beginning; with `learned="everything"` all tokens but the first are learned."""
    found = []
    for number, row in enumerate(rows):
        # Different first tokens, so that the beginning ends where it should.
        own = [10 + number, *row["input_ids"]]
        tokens, labels = BEGINNING + own, [IGNORED] * (len(BEGINNING) + 1) + row["labels"]
        if learned == "everything":
            labels = [IGNORED, *tokens[1:]]
        found.append({**row, "input_ids": tokens, "labels": labels})
    return found


def norms_in_double(model):
    """transformers takes every norm in fp32, also of a model in double precision; here it is not to."""

    def forward_of(norm):
        def forward(x):
            return norm.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon))

        return forward

    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = forward_of(module)
    return model


def build(name):
    config, kind, options = MODELS[name]

    def make(*, dtype):
        torch.manual_seed(0)
        model = kind(config(**SHAPE, **options, initializer_range=0.3)).to(dtype).eval()
        for parameter in model.parameters():
            if parameter.ndim == 1:  # norms and biases, which start as ones and zeros
                parameter.data.add_(torch.rand_like(parameter) * 0.3)
        return norms_in_double(model) if dtype == torch.float64 else model

    return make


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", MODELS)
def test_gradient_equals_plain_peft(name, dtype, recompute):
    rows = random_rows(9)
    model = adapted(build(name), dtype)
    packed = packed_decoder(model)
    assert packed is not None
    accumulate_gradient(
        model,
        rows,
        memory=MemoryPlan(micro_tokens=200, checkpointing=recompute),
        step=1,
        seed=0,
        packed=packed,
    )
    ours = {key: tensor.grad for key, tensor in adapter_tensors(model).items()}
    theirs = peft_gradients(build(name), dtype, rows, adapter_tensors(model))
    assert largest_error(ours, theirs) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", MODELS)
def test_loss_equals_that_of_whole_logits_row_by_row(name, dtype):
    rows = random_rows(9)
    model = adapted(build(name), dtype)
    ours = accumulate_gradient(
        model, rows, memory=MemoryPlan(micro_tokens=200), step=1, seed=0, packed=packed_decoder(model)
    )
    with torch.no_grad():
        theirs = sum(float(plain_nll(model, row)) for row in rows)
    count = sum(label != IGNORED for row in rows for label in row["labels"])
    assert ours == pytest.approx(theirs / count, rel=TOLERANCE[dtype])


@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_in_fp16_the_gradient_at_the_first_loss_scale_is_right_within_its_rounding(name):
    """How much rounding costs is told by the model's own layers in fp16."""
    narrow = build(name)(dtype=torch.float16)
    wide = norms_in_double(copy.deepcopy(narrow).double())
    for model, dtype in ((narrow, torch.float32), (wide, torch.float64)):
        names = resolve_targets(model, "all-linear")
        attach_lora(model, names, rank=4, alpha=8, dropout=0.0, seed=0, dtype=dtype)
        generator = torch.Generator().manual_seed(1)
        for _, layer in lora_layers(model):
            layer.lora_B.data = (torch.randn(layer.lora_B.shape, generator=generator) * 0.1).to(dtype)
    packed, rows, found = packed_decoder(narrow), random_rows(9), []
    assert packed is not None
    kinds = ((wide, None, 1.0), (narrow, None, FIRST_SCALE), (narrow, packed, FIRST_SCALE))
    for model, with_packed, scale in kinds:
        model.zero_grad()
        accumulate_gradient(
            model, rows, memory=MemoryPlan(micro_tokens=200), step=1, seed=0, packed=with_packed, scale=scale
        )
        found.append({key: tensor.grad.double() / scale for key, tensor in adapter_tensors(model).items()})
    right, own, ours = found
    assert 0 < largest_error(ours, right) <= 2 * largest_error(own, right) <= 0.1


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("learned", ["answer", "everything"])
@pytest.mark.parametrize("name", ["llama", "llama-biases", "qwen3"])
def test_a_common_beginning_read_once_gives_the_gradient_of_plain_peft(name, learned, dtype):
    rows = beginning_alike(random_rows(7), learned=learned)
    model = adapted(build(name), dtype)
    packed = packed_decoder(model)
    assert pack_for(packed, [row["input_ids"] for row in rows]).shared == len(BEGINNING)
    accumulate_gradient(model, rows, memory=MemoryPlan(micro_tokens=4096), step=1, seed=0, packed=packed)
    ours = {key: tensor.grad for key, tensor in adapter_tensors(model).items()}
    theirs = peft_gradients(build(name), dtype, rows, adapter_tensors(model))
    assert largest_error(ours, theirs) <= TOLERANCE[dtype]


def test_a_long_learned_beginning_has_masks_for_each_row_of_the_last_layer():
    beginning, rows = [3, *range(4, 40)], random_rows(12)
    rows = [{**row, "input_ids": beginning + row["input_ids"]} for row in rows]
    rows = [{**row, "labels": [IGNORED, *row["input_ids"][1:]]} for row in rows]
    found = []
    for recompute in (False, True):
        model = adapted(build("llama"), torch.float64)
        for _, layer in lora_layers(model):
            layer.dropout = 0.3
        packed = packed_decoder(model)
        packing = pack_for(packed, [row["input_ids"] for row in rows])
        assert packing.shared >= len(beginning)
        assert sum(len(row["input_ids"]) - 1 for row in rows) > 2 * packing.num_tokens
        accumulate_gradient(
            model,
            rows,
            memory=MemoryPlan(micro_tokens=4096, checkpointing=recompute),
            step=1,
            seed=0,
            packed=packed,
        )
        found.append({key: tensor.grad for key, tensor in adapter_tensors(model).items()})
    assert largest_error(found[1], found[0]) <= 1e-10


@pytest.mark.parametrize("longest", [4, 20])
def test_a_common_beginning_through_the_fused_kernel_gives_the_same_gradient(longest, monkeypatch):
    rows = beginning_alike(random_rows(7), learned="answer")
    model = adapted(build("llama"), torch.float64)
    packed = packed_decoder(model)
    found = []
    for kernel in ("plain", "fused"):
        if kernel == "fused":  # of the blocks; whether to share was decided before
            monkeypatch.setattr(attention, "LONGEST_WRITTEN_OUT", longest)
        model.zero_grad()
        accumulate_gradient(model, rows, memory=MemoryPlan(micro_tokens=4096), step=1, seed=0, packed=packed)
        found.append({key: tensor.grad.clone() for key, tensor in adapter_tensors(model).items()})
    assert largest_error(found[1], found[0]) <= 1e-10


@pytest.mark.parametrize(
    ("rows", "shared"),
    [
        ([[7] * 30 + [1], [7] * 30 + [2]], 0),  # 30 tokens saved
        ([[7] * 40 + [1], [7] * 40 + [2]], 40),
        ([[7] * 40, [7] * 40], 39),  # each row keeps a token of its own
        ([[7] * 40 + [1] * 600, [7] * 40 + [2] * 600], 0),  # the fused kernel's
        ([[7] * 4 + [one] * 120 for one in range(10)], 0),  # 36 tokens of 1,240
    ],
)
def test_a_common_beginning_is_read_apart_where_it_saves_enough(rows, shared):
    packed = packed_decoder(tiny_llama(dtype=torch.float64).requires_grad_(False))
    assert pack_for(packed, rows).shared == shared


@pytest.mark.parametrize("targets", [("q_proj", "v_proj"), ("gate_proj",), ("k_proj", "o_proj", "down_proj")])
def test_some_layers_alone_can_carry_the_adapter(targets):
    rows = random_rows(6)
    model = build("llama")(dtype=torch.float64)
    attach_lora(
        model, resolve_targets(model, targets), rank=4, alpha=8, dropout=0.0, seed=0, dtype=torch.float64
    )
    for _, layer in lora_layers(model):
        torch.nn.init.normal_(layer.lora_B, std=0.1)
    accumulate_gradient(model, rows, memory=MemoryPlan(micro_tokens=200), step=1, seed=0)
    theirs = {key: tensor.grad.clone() for key, tensor in adapter_tensors(model).items()}
    model.zero_grad()
    accumulate_gradient(
        model, rows, memory=MemoryPlan(micro_tokens=200), step=1, seed=0, packed=packed_decoder(model)
    )
    ours = {key: tensor.grad for key, tensor in adapter_tensors(model).items()}
    assert largest_error(ours, theirs) <= 1e-10


def test_long_rows_through_the_fused_kernel_give_the_same_gradient(monkeypatch):
    rows = random_rows(6)
    model = adapted(build("llama"), torch.float64)
    packed = packed_decoder(model)
    found = []
    for longest in (attention.LONGEST_WRITTEN_OUT, 4):
        monkeypatch.setattr(attention, "LONGEST_WRITTEN_OUT", longest)
        model.zero_grad()
        accumulate_gradient(model, rows, memory=MemoryPlan(micro_tokens=200), step=1, seed=0, packed=packed)
        found.append({key: tensor.grad.clone() for key, tensor in adapter_tensors(model).items()})
    assert largest_error(found[1], found[0]) <= 1e-10


def test_the_model_computes_as_before_with_its_weights_moved_together():
    model = adapted(build("llama"), torch.float64)
    tokens = torch.tensor([[1, 5, 9, 2]])
    before = final_hidden(model, tokens)
    packed = packed_decoder(model)
    assert torch.equal(final_hidden(model, tokens), before)
    first = model.base_model.layers[0].self_attn.q_proj.base.weight
    assert first.data_ptr() == packed.layers[0].vectors.weight_OI.data_ptr()


def test_neighbours_in_a_pack_do_not_see_each_other():
    packed = packed_decoder(tiny_llama(dtype=torch.float64).requires_grad_(False))
    row, others = [5, 6, 7, 8], ([9, 10, 11], [20, 21, 22])
    alone = packed_hidden(packed, pack_rows([row]))[:4]
    for other in others:
        together = packed_hidden(packed, pack_rows([other, row]))[3:7]
        assert torch.allclose(together, alone, rtol=0, atol=1e-12)


def test_a_micro_batch_without_anything_to_learn_adds_nothing():
    rows = random_rows(2)
    mute = {**rows[1], "labels": [IGNORED] * len(rows[1]["labels"])}
    model = adapted(build("llama"), torch.float64)
    packed = packed_decoder(model)
    found = []
    for batch in ([rows[0]], [rows[0], mute]):
        model.zero_grad()
        accumulate_gradient(model, batch, memory=MemoryPlan(micro_tokens=1), step=1, seed=0, packed=packed)
        found.append({key: tensor.grad.clone() for key, tensor in adapter_tensors(model).items()})
    assert largest_error(found[1], found[0]) <= 1e-12


def test_one_giant_row_among_short_ones_gets_a_block_of_its_own():
    rows = [*random_rows(5, longest=6), *random_rows(1, seed=3, longest=40)]
    rows[-1] = {**rows[-1], "input_ids": rows[-1]["input_ids"] * 9, "labels": rows[-1]["labels"] * 9}
    model = adapted(build("llama"), torch.float64)
    accumulate_gradient(
        model, rows, memory=MemoryPlan(micro_tokens=4096), step=1, seed=0, packed=packed_decoder(model)
    )
    ours = {key: tensor.grad for key, tensor in adapter_tensors(model).items()}
    theirs = peft_gradients(build("llama"), torch.float64, rows, adapter_tensors(model))
    assert largest_error(ours, theirs) <= 1e-10
    assert len(pack_rows([row["input_ids"] for row in rows]).blocks) > 1


def test_dropout_gives_the_same_gradient_again_and_another_with_another_number():
    rows = random_rows(6)
    model = tiny_llama(dtype=torch.float64)
    attach_lora(
        model, resolve_targets(model, "all-linear"), rank=4, alpha=8, dropout=0.3, seed=0, dtype=torch.float64
    )
    for _, layer in lora_layers(model):
        torch.nn.init.normal_(layer.lora_B, std=0.1)
    packed = packed_decoder(model.train())
    found = []
    for step, recompute in ((1, False), (1, True), (2, False)):
        model.zero_grad()
        accumulate_gradient(
            model,
            rows,
            memory=MemoryPlan(micro_tokens=100, checkpointing=recompute),
            step=step,
            seed=0,
            packed=packed,
        )
        found.append({key: tensor.grad.clone() for key, tensor in adapter_tensors(model).items()})
    assert largest_error(found[1], found[0]) == 0
    assert largest_error(found[2], found[0]) > 0.01


MASK_OF = {"q_proj": 0, "k_proj": 0, "v_proj": 0, "o_proj": 1, "gate_proj": 2, "up_proj": 2, "down_proj": 3}
"""Layers that read the same input share a mask; of each decoder layer its number among four."""


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("name", ["llama", "llama-biases", "qwen3"])
def test_with_dropout_the_gradient_is_that_of_the_models_own_layers_behind_the_same_masks(
    name, recompute, monkeypatch
):
    """One row of 32 tokens, all learned: nothing is filled up, so each token has the same place in every mask."""
    draw, pools = decoder.draw_pool, []

    def watched(**options):
        pools.append(draw(**options))
        return pools[-1]

    monkeypatch.setattr(decoder, "draw_pool", watched)
    tokens = [3 + 7 * place % 90 for place in range(32)]
    rows = [{"id": "r", "input_ids": tokens, "labels": [IGNORED, *tokens[1:]]}]
    model = adapted(build(name), torch.float64)
    for _, layer in lora_layers(model):
        layer.dropout = 0.3
    memory = MemoryPlan(micro_tokens=4096, checkpointing=recompute)
    loss = accumulate_gradient(model, rows, memory=memory, step=1, seed=0, packed=packed_decoder(model))
    ours = {key: tensor.grad.clone() for key, tensor in adapter_tensors(model).items()}
    (masks,) = pools
    assert 0 < float(masks.ones.mean()) < 1

    model.zero_grad()
    for place, layer in lora_layers(model):
        number = 4 * int(place.split(".")[2]) + MASK_OF[place.rpartition(".")[2]]
        layer._seen = lambda x, number=number: (x * masks.window(number, 32, x.shape[-1]), 0.7)
    memory = MemoryPlan(micro_tokens=4096)
    own_loss = accumulate_gradient(model, rows, memory=memory, step=1, seed=0)
    own = {key: tensor.grad for key, tensor in adapter_tensors(model).items()}
    assert loss == pytest.approx(own_loss, rel=1e-10)
    assert largest_error(ours, own) <= 1e-10


@pytest.mark.parametrize("recompute", [False, True])
def test_layers_that_are_recomputed_keep_nothing_of_their_inside_and_run_twice(recompute, monkeypatch):
    model = adapted(build("llama"), torch.float64)
    packed, plain, inside = packed_decoder(model), layer_module._forward, []

    def watched(*some):
        y, kept = plain(*some)
        inside.append(weakref.ref(kept.inner_K2F))
        return y, kept

    monkeypatch.setattr(layer_module, "_forward", watched)
    loss = rows_nll(model, random_rows(3), packed=packed, recompute=recompute)
    assert [one() is None for one in inside] == [recompute] * len(packed.layers)
    loss.backward()
    assert len(inside) == len(packed.layers) * (2 if recompute else 1)


def test_dropout_silences_the_input_of_the_update_alone():
    """With every input of the update silenced, only the frozen layers are left."""
    model = tiny_llama(dtype=torch.float64)
    attach_lora(
        model,
        resolve_targets(model, "all-linear"),
        rank=4,
        alpha=8,
        dropout=1 - 1e-9,
        seed=0,
        dtype=torch.float64,
    )
    for _, layer in lora_layers(model):
        torch.nn.init.normal_(layer.lora_B, std=0.1)
    packed, rows = packed_decoder(model), pack_rows([[5, 6, 7, 8]])
    bare = packed_hidden(packed_decoder(tiny_llama(dtype=torch.float64).requires_grad_(False)), rows)
    assert torch.allclose(packed_hidden(packed, rows, mask_seed=3), bare, rtol=0, atol=1e-12)
    assert not torch.allclose(packed_hidden(packed, rows), bare, rtol=0, atol=1e-3)


def test_other_architectures_and_other_adapters_keep_their_own_modules():
    assert packed_decoder(tiny_opt()) is None
    model = tiny_llama()
    attach_lora(
        model, resolve_targets(model, "all-linear"), rank=4, alpha=8, dropout=0.0, seed=0, variant="dora"
    )
    assert packed_decoder(model) is None


def test_a_decoder_that_computes_otherwise_is_left_alone():
    model = tiny_llama(dtype=torch.float64)
    own = model.base_model.layers[0].mlp.forward
    model.base_model.layers[0].mlp.forward = lambda x: own(x) * 1.5
    assert packed_decoder(model) is None


def test_rows_longer_than_the_window_go_through_the_models_own_modules():
    config = MistralConfig(**SHAPE, sliding_window=8, initializer_range=0.3)
    torch.manual_seed(0)
    make = lambda *, dtype: (torch.manual_seed(0), MistralForCausalLM(config).to(dtype).eval())[1]  # noqa: E731
    model = adapted(make, torch.float32)
    packed = packed_decoder(model)
    assert fits_window(packed, 8)
    assert not fits_window(packed, 9)
    rows = random_rows(4)
    accumulate_gradient(model, rows, memory=MemoryPlan(micro_tokens=200), step=1, seed=0, packed=packed)
    ours = {key: tensor.grad for key, tensor in adapter_tensors(model).items()}
    assert largest_error(ours, peft_gradients(make, torch.float32, rows, adapter_tensors(model))) <= 5e-5


PROMPT, OTHER, TREE = [5, 6, 7, 8, 9, 10], [11, 12, 13], [20, 21, 22, 23, 24]
PARENTS = [None, 0, 0, 2, 1]
"""Of each node of TREE the one before it; None stands for the prompt."""


def tree_branches():
    """A beginning, two rests of prompts that see it, and the same tree after each; and the rows that they stand for."""
    sees = torch.eye(len(TREE), dtype=torch.bool)
    for node, parent in enumerate(PARENTS):
        if parent is not None:
            sees[node] |= sees[parent]
    depths = [1, 2, 2, 3, 3]
    branches = [Branch(tokens=PROMPT)]
    rows = [PROMPT]
    for rest in (OTHER, OTHER[:1]):
        own = len(branches)
        branches.append(Branch(tokens=rest, start=len(PROMPT), after=(0,)))
        start = len(PROMPT) + len(rest) - 1
        branches.append(Branch(tokens=TREE, start=start, after=(0, own), depths=depths, sees_TT=sees))
        rows += [[*PROMPT, *rest[: end + 1]] for end in range(len(rest))]
        for node in range(len(TREE)):
            path = []
            at = node
            while at is not None:
                path.insert(0, TREE[at])
                at = PARENTS[at]
            rows.append([*PROMPT, *rest, *path])
    return branches, rows


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_a_token_of_a_branch_has_the_state_it_has_in_a_row_of_its_own(name, fused, monkeypatch):
    monkeypatch.setattr(attention, "MOST_WEIGHTS", 0 if fused else 1 << 26)
    monkeypatch.setattr(attention, "WEIGHTS_AT_ONCE", 1)
    model = build(name)(dtype=torch.float64).requires_grad_(False)
    branches, rows = tree_branches()
    ours_NH = packed_hidden(packed_decoder(model), pack_branches(branches))
    own_NH = [final_hidden(model, torch.tensor([row]))[0, -1] for row in rows]
    # The beginning's own tokens but the last are not among the rows.
    start, number = len(PROMPT) - 1, sum(len(branch.tokens) for branch in branches)
    assert torch.allclose(ours_NH[start:number], torch.stack(own_NH), rtol=0, atol=1e-9)


def test_outputs_that_a_kernel_lays_out_token_by_token_are_read_alike(monkeypatch):
    """Kernels of GPUs may keep (B, T, A, D) in memory and show it as (B, A, T, D)."""
    monkeypatch.setattr(attention, "MOST_WEIGHTS", 0)
    torch.manual_seed(0)
    config = LlamaConfig(**SHAPE | {"num_key_value_heads": 4}, initializer_range=0.3)
    packed = packed_decoder(LlamaForCausalLM(config).eval().requires_grad_(False))
    one_branch = pack_branches([Branch(tokens=PROMPT), Branch(tokens=OTHER, start=len(PROMPT), after=(0,))])
    expected = packed_hidden(packed, one_branch)
    head_by_head = functional.scaled_dot_product_attention

    def token_by_token(*pieces, **options):
        return head_by_head(*pieces, **options).transpose(1, 2).contiguous().transpose(1, 2)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", token_by_token)
    assert torch.equal(packed_hidden(packed, one_branch), expected)


def test_a_kernel_with_a_mask_is_given_a_key_for_each_query_head(monkeypatch):
    """Fused kernels of GPUs take no shared heads there, and without one all attention weights are written out."""
    monkeypatch.setattr(attention, "MOST_WEIGHTS", 0)
    packed = packed_decoder(build("llama")(dtype=torch.float32).requires_grad_(False))
    kernel, asked = functional.scaled_dot_product_attention, []

    def watched(query, key, value, *, attn_mask=None, enable_gqa=False, **options):
        if attn_mask is not None:
            asked.append((enable_gqa, query.shape[1] == key.shape[1] == value.shape[1]))
        return kernel(query, key, value, attn_mask=attn_mask, enable_gqa=enable_gqa, **options)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", watched)
    packed_hidden(packed, pack_branches(tree_branches()[0]))
    assert set(asked) == {(False, True)}


def test_dropout_masks_are_gone_after_the_backward_pass_while_its_result_is_still_there(monkeypatch):
    model = adapted(build("llama"), torch.float32)
    for _, layer in lora_layers(model):
        layer.dropout = 0.3
    packed, pools = packed_decoder(model), []
    draw = decoder.draw_pool

    def watched(**options):
        pool = draw(**options)
        pools.append(weakref.ref(pool.ones))
        return pool

    monkeypatch.setattr(decoder, "draw_pool", watched)
    total = packed_hidden(packed, pack_rows([[5, 6, 7, 8]]), mask_seed=3).sum()
    assert pools[0]() is not None
    total.backward()
    assert pools[0]() is None
    assert total.grad_fn is not None


def test_branches_are_read_without_a_backward_pass():
    model = adapted(build("llama"), torch.float64)
    branches, _ = tree_branches()
    states = packed_hidden(packed_decoder(model), pack_branches(branches))
    with pytest.raises(NotImplementedError, match="no backward pass"):
        states.sum().backward()


def test_the_decoder_is_made_once_and_again_for_another_adapter_without_moving_weights():
    model = build("llama")(dtype=torch.float64).requires_grad_(False)
    first = packed_decoder(model)
    assert packed_decoder(model) is first
    attach_lora(
        model, resolve_targets(model, ("q_proj",)), rank=4, alpha=8, dropout=0.0, seed=0, dtype=torch.float64
    )
    second = packed_decoder(model)
    assert [len(layer.vectors.loras) for layer in (first.layers[0], second.layers[0])] == [0, 1]
    for one, other in zip(first.layers, second.layers, strict=True):
        assert one.vectors.weight_OI.data_ptr() == other.vectors.weight_OI.data_ptr()
        assert one.vectors.weight_OI.shape == other.vectors.weight_OI.shape


def test_the_base_alone_and_with_its_adapter_take_turns_without_being_made_again(monkeypatch):
    model = adapted(build("llama"), torch.float64)
    tuned = packed_decoder(model)
    with speaking_as(model, "baseline"):
        alone = packed_decoder(model)
    monkeypatch.setattr(decoder, "_packed", lambda *_: pytest.fail("it was made again"))
    for _ in range(2):
        assert packed_decoder(model) is tuned
        with speaking_as(model, "baseline"):
            assert packed_decoder(model) is alone
    assert [bool(packed.layers[0].vectors.loras) for packed in (tuned, alone)] == [True, False]


def test_a_decoder_keeps_no_weights_that_its_model_has_no_more():
    def weights(model):
        return weakref.ref(packed_decoder(model).layers[1].inner.weight_OI)

    model = adapted(build("llama"), torch.float64)
    kept = [weights(model)]
    with speaking_as(model, "baseline"):
        kept.append(weights(model))
        assert not any(one() is None for one in kept)
        linear = model.base_model.layers[1].mlp.up_proj
        linear.weight.data = linear.weight.data.clone()
        kept.append(weights(model))
    gc.collect()
    assert [one() is None for one in kept] == [True, True, False]
    del model, linear
    gc.collect()
    assert kept[-1]() is None


def test_weights_that_were_put_elsewhere_are_found_again():
    model = build("llama")(dtype=torch.float64).requires_grad_(False)
    packed_decoder(model)
    tokens = torch.tensor([[1, 5, 9, 2]])
    model.base_model.layers[1].mlp.up_proj.weight.data = (
        model.base_model.layers[1].mlp.up_proj.weight.data * 2
    )
    ours_NH = packed_hidden(packed_decoder(model), pack_rows(tokens.tolist()))[:4]
    assert torch.allclose(ours_NH, final_hidden(model, tokens)[0], rtol=0, atol=1e-9)


def test_a_deep_model_in_16_bits_is_known_in_spite_of_its_rounding():
    torch.manual_seed(0)
    config = LlamaConfig(**SHAPE | {"num_hidden_layers": 30}, initializer_range=0.4)
    model = LlamaForCausalLM(config).to(torch.bfloat16).eval().requires_grad_(False)
    assert packed_decoder(model) is not None
    own = model.base_model.layers[3].mlp.forward
    model.base_model.layers[3].mlp.forward = lambda x: own(x) * 1.5
    model.base_model.layers[3].mlp.up_proj.weight.data = model.base_model.layers[3].mlp.up_proj.weight.clone()
    assert packed_decoder(model) is None
