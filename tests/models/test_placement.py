"""Which layers go where: the plan for GPUs of given sizes, tried out without any."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from accelerate import cpu_offload
from accelerate.utils import compute_module_sizes
from transformers import AutoModelForCausalLM, T5Config

from medadapt.core.errors import ModelError
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.models.adapter import new_adapter
from medadapt.models.agreement import verify_forward
from medadapt.models.loading import load_base
from medadapt.models.lora import adapter_tensors
from medadapt.models.placement import WEIGHT_SHARE, place_base, plan_placement
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.models.tiny_config import tiny_config
from medadapt.training.engine import accumulate_gradient
from medadapt.training.memory import MemoryPlan
from random_models import move_away, write_random_base
from tiny import random_rows

LAYERS = 8


def config_of(model_type: str):
    config = tiny_config(model_type, vocabulary_size=258, tokenizer=byte_tokenizer())
    config.num_hidden_layers = LAYERS
    return config


@pytest.fixture(params=["llama", "opt", "gpt2"])
def empty(request):
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config_of(request.param))


def size(model) -> int:
    return compute_module_sizes(model, dtype=torch.float32)[""]


def plan(model, memories, *, offload=False, quantization="none"):
    return plan_placement(
        model, memories, first=0, dtype=torch.float32, quantization=quantization, offload=offload
    )


def bytes_on(model, devices, place) -> int:
    sizes = compute_module_sizes(model, dtype=torch.float32)
    return sum(sizes[name] for name, where in devices.items() if where == place)


def test_a_base_that_fits_lies_on_one_gpu(empty):
    placed = plan(empty, {0: 2 * size(empty), 1: 2 * size(empty)})
    assert placed.device_map == {"": torch.device("cuda:0")}
    assert not placed.offloads


def test_a_base_too_large_for_one_gpu_is_spread_over_all_within_their_room(empty):
    memories = {0: size(empty), 1: size(empty)}
    placed = plan(empty, memories)
    assert set(placed.device_map.values()) == {0, 1}
    for number, memory in memories.items():
        assert bytes_on(empty, placed.device_map, number) <= WEIGHT_SHARE * memory


def test_an_encoder_and_decoder_is_refused_before_it_is_placed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=1 << 30))
    options = {"any_device": False, "dtype": torch.float32, "quantization": "none", "offload": "none"}
    with pytest.raises(ModelError, match="type t5 cannot be used") as caught:
        place_base(T5Config(), torch.device("cuda"), **options)
    assert caught.value.expected == "a causal language model that transformers knows"


def test_weights_count_as_wide_as_they_are_asked_for_not_as_they_lie_on_the_disk(monkeypatch):
    config = config_of("llama")
    config.dtype = torch.bfloat16
    with torch.device("meta"):
        needed = size(AutoModelForCausalLM.from_config(config_of("llama"), dtype=torch.float32))
    memory = SimpleNamespace(total_memory=round(0.75 * needed))  # room for the narrow weights
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: memory)
    options = {"any_device": False, "quantization": "none", "offload": "none"}
    with pytest.raises(ModelError, match="do not fit on the GPU"):
        place_base(config, torch.device("cuda"), dtype=torch.float32, **options)
    placed = place_base(config, torch.device("cuda"), dtype=torch.bfloat16, **options)
    assert placed.device_map == {"": torch.device("cuda:0")}


def test_no_layer_is_torn_apart(empty):
    placed = plan(empty, {0: size(empty), 1: size(empty)})
    blocks = {type(m).__name__ for m in empty.modules()} & set(empty._no_split_modules)
    whole = [name for name, module in empty.named_modules() if type(module).__name__ in blocks]
    assert len(whole) == LAYERS
    for block in whole:
        assert sum(block == part or block.startswith(f"{part}.") for part in placed.device_map) == 1


def test_with_offloading_the_rest_lies_in_main_memory(empty):
    placed = plan(empty, {0: size(empty)}, offload=True)
    assert placed.offloads
    assert set(placed.device_map.values()) == {0, "cpu"}
    assert placed.offload.startswith("cpu: ")
    assert bytes_on(empty, placed.device_map, 0) <= WEIGHT_SHARE * size(empty)


def test_offloading_that_is_not_needed_says_so(empty):
    placed = plan(empty, {0: 2 * size(empty)}, offload=True)
    assert placed.offload == "none: the base fits on the GPU"


def test_a_base_that_fits_nowhere_is_refused_with_what_helps(empty):
    with pytest.raises(ModelError, match="do not fit on the GPU") as caught:
        plan(empty, {0: size(empty) // 2})
    assert "model.offload: cpu" in caught.value.remedy


def test_packed_weights_need_less_room(empty):
    with pytest.raises(ModelError):
        plan(empty, {0: size(empty) // 2})
    assert plan(empty, {0: size(empty) // 2}, quantization="nf4").device_map == {"": torch.device("cuda:0")}


@pytest.mark.parametrize(("offload", "said"), [("none", "none"), ("cpu", "none: no GPU")])
def test_without_a_gpu_everything_is_in_main_memory(offload, said):
    placed = place_base(
        config_of("llama"),
        torch.device("cpu"),
        any_device=True,
        dtype=torch.float32,
        quantization="none",
        offload=offload,
    )
    assert placed.device_map == {"": torch.device("cpu")}
    assert placed.offload.startswith(said)


@pytest.mark.parametrize("variant", ["lora", "dora"])
@pytest.mark.parametrize("model_type", ["llama", "gpt2"])
def test_a_layer_that_only_visits_the_working_device_trains_alike(model_type, variant, tmp_path):
    """The hooks that offloading puts on a GPU machine, here with the CPU as the working device."""
    folder = write_random_base(tmp_path, model_type)
    gradients = []
    for offloaded in (False, True):
        base = load_base(ModelSection(base=str(folder), precision="fp32"), device="cpu")
        if offloaded:
            block = next(m for name, m in base.model.named_modules() if name.endswith((".layers.1", ".h.1")))
            cpu_offload(block, execution_device=torch.device("cpu"))
            assert next(block.parameters()).device.type == "meta"
            verify_forward(base.model)
        new_adapter(base, LoraSection(rank=4, dropout=0.2, variant=variant), seed=0)
        move_away(base)
        accumulate_gradient(
            base.model.train(), random_rows(3), memory=MemoryPlan(micro_tokens=50), step=1, seed=0
        )
        gradients.append({name: tensor.grad for name, tensor in adapter_tensors(base.model).items()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name)
