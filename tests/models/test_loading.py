"""Loading a base: what is asked is what is in memory, and every absence is explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    BartConfig,
    DbrxConfig,
    Gemma3Config,
    Gemma3TextConfig,
    GPTNeoConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MixtralConfig,
    MixtralForCausalLM,
    MptConfig,
    Phi3Config,
    PhimoeConfig,
    PreTrainedConfig,
    Starcoder2Config,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.core_model_loading import MergeModulelist

from medadapt.core.errors import ModelError
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.models import loading
from medadapt.models.adapter import load_adapter, new_adapter, save_config, save_weights
from medadapt.models.base_files import find_files
from medadapt.models.device import pick_device, resolve_dtype
from medadapt.models.fingerprint import fingerprint
from medadapt.models.forward import context_of
from medadapt.models.loading import (
    check_base,
    config_without_dropout,
    load_base,
    load_config,
    restore_dropout,
)
from medadapt.models.lora import adapter_tensors
from medadapt.models.quantization import guard_cpu_quantization, weights_quantization
from medadapt.models.smoke_base import byte_tokenizer
from tiny import save_base, tiny_llama


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"), tiny_llama())


def section(folder: Path, **values) -> ModelSection:
    return ModelSection(base=str(folder), **values)


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_weights_have_the_precision_asked_for(base_folder, precision, dtype):
    base = load_base(section(base_folder, precision=precision), device="cpu")
    assert {p.dtype for p in base.model.parameters()} == {dtype}
    assert base.facts["precision"] == {"asked": precision, "got": precision}


def test_nf4_layers_really_are_nf4(base_folder):
    base = load_base(section(base_folder, quantization="nf4"), device="cpu")
    kinds = {m.weight.quant_type for m in base.model.modules() if type(m).__name__ == "Linear4bit"}
    assert kinds == {"nf4"}
    assert base.facts["quantization"] == {"asked": "nf4", "got": "nf4"}
    assert type(base.model.get_output_embeddings()) is torch.nn.Linear


def test_the_guard_covers_every_layer_that_could_switch_kernels(base_folder):
    base = load_base(section(base_folder, quantization="nf4"), device="cpu")
    layers = [m for m in base.model.modules() if hasattr(m, "support_avx512bf16_for_cpu")]
    assert layers
    assert not any(m.support_avx512bf16_for_cpu for m in layers)
    layers[0].support_avx512bf16_for_cpu = True
    guard_cpu_quantization(base.model)
    assert not layers[0].support_avx512bf16_for_cpu


def test_a_quantisation_that_was_not_applied_is_seen():
    assert weights_quantization(tiny_llama()) == "none"


def test_fp16_on_a_cpu_is_refused():
    with pytest.raises(ModelError, match="fp16"):
        resolve_dtype("fp16", torch.device("cpu"))


@pytest.mark.parametrize("device", ["tpu", "cpu:1", "cuda:99", "cuda:x"])
def test_a_device_that_is_not_there_is_named(device):
    with pytest.raises(ModelError, match=device):
        pick_device(device)


@pytest.mark.parametrize(
    ("base", "word"),
    [("./nowhere/at/all", "does not exist"), ("someone/unheard-of-model", "unheard-of-model")],
)
def test_an_absent_model_is_named(base, word):
    with pytest.raises(ModelError, match=word) as caught:
        load_base(ModelSection(base=base), device="cpu")
    assert caught.value.exit_code == 2
    assert caught.value.remedy


def test_weights_in_a_pickle_are_refused(base_folder, tmp_path):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((base_folder / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"not opened")
    with pytest.raises(ModelError, match="pickle"):
        load_base(section(tmp_path), device="cpu")


def test_the_early_look_passes_a_base_that_loads(base_folder):
    check_base(section(base_folder), "all-linear")
    check_base(section(base_folder), ("q_proj", "v_proj"))


def test_the_early_look_names_a_target_that_matches_nothing(base_folder):
    with pytest.raises(ModelError, match=r"lora\.targets names qproj"):
        check_base(section(base_folder), ("qproj",))


@pytest.mark.parametrize(
    ("file", "content", "word"),
    [
        ("config.json", b'{"model_type":', "config.json is damaged"),
        ("config.json", b'{"model_type": "nosuch"}', "config.json cannot be used"),
        ("model.safetensors", b"cut off", "no complete safetensors file"),
        ("model.safetensors", None, "has no model.safetensors"),
        ("tokenizer.json", None, "tokenizer cannot be loaded"),
    ],
)
def test_the_early_look_names_what_is_damaged_or_missing(tmp_path, file, content, word):
    folder = save_base(tmp_path, tiny_llama())
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(ModelError, match=word):
        check_base(section(folder), "all-linear")


@pytest.mark.parametrize(
    "asked",
    [
        {"auto_map": {"AutoModelForCausalLM": "evil.Model"}},
        {"_attn_implementation": "evil/kernels"},
        {"_attn_implementation_internal": "evil:attention"},
    ],
)
def test_code_that_comes_with_a_model_is_not_run(asked, tmp_path):
    folder = save_base(tmp_path, tiny_llama())
    config = json.loads((folder / "config.json").read_text()) | asked
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ModelError, match="Python code"):
        load_base(section(folder), device="cpu")
    assert not (tmp_path / "ran").exists()


def test_a_cut_off_weight_file_is_named(base_folder, tmp_path):
    folder = save_base(tmp_path, tiny_llama())
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors|cannot be loaded"):
        load_base(section(folder), device="cpu")


def test_memory_that_runs_out_while_weights_are_loaded_is_told_with_a_way_out(base_folder, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 14.00 GiB.")

    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", full)
    with pytest.raises(ModelError, match="Memory ran out") as caught:
        load_base(section(base_folder), device="cpu")
    assert "model.offload: cpu" in caught.value.remedy


def test_weights_that_do_not_fit_config_json_are_told(tmp_path):
    folder = save_base(tmp_path, tiny_llama())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 96}))
    with pytest.raises(ModelError, match=r"the weights do not fit config\.json") as caught:
        load_base(section(folder), device="cpu")
    assert caught.value.expected
    assert "download the model again" in caught.value.remedy


@pytest.fixture
def mixture_folder(tmp_path) -> Path:
    """A base whose experts lie in files of their own names, and are put together when it is loaded."""
    shape = {"hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = MixtralConfig(vocab_size=258, num_hidden_layers=1, num_local_experts=2, **shape)
    return save_base(tmp_path, MixtralForCausalLM(config))


def memory_runs_out(_, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 14.00 GiB.")

    monkeypatch.setattr(MergeModulelist, "convert", full)


def an_expert_is_cut_short(folder, _):
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if name.endswith("experts.1.w2.weight"))
    tensors[name] = tensors[name][:-1].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize("happens", [memory_runs_out, an_expert_is_cut_short])
def test_where_weights_cannot_be_converted_both_causes_are_told(happens, mixture_folder, monkeypatch):
    happens(mixture_folder, monkeypatch)
    with pytest.raises(ModelError, match="Either memory ran out meanwhile, or they are damaged") as caught:
        load_base(section(mixture_folder), device="cpu")
    assert caught.value.expected
    assert "model.offload: cpu" in caught.value.remedy
    assert "download the model again" in caught.value.remedy


def test_the_early_look_refuses_an_encoder_and_decoder(tmp_path):
    shape = {"d_model": 16, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 4}
    folder = save_base(tmp_path, T5ForConditionalGeneration(T5Config(vocab_size=258, **shape)))
    with pytest.raises(ModelError, match="type t5 cannot be used") as caught:
        check_base(section(folder), "attention")
    assert caught.value.expected == "a causal language model that transformers knows"


def test_a_base_without_pad_token_loads(base_folder):
    base = load_base(section(base_folder), device="cpu")
    assert base.tokenizer.pad_token_id is None


@pytest.fixture
def with_tokenizer(tmp_path):
    """A base whose tokenizer was changed."""

    def write(change) -> Path:
        folder = save_base(tmp_path, tiny_llama())
        tokenizer = byte_tokenizer()
        change(tokenizer)
        tokenizer.save_pretrained(folder)
        return folder

    return write


@pytest.mark.parametrize("look", [check_base, load_base])
def test_a_tokenizer_without_an_end_is_refused(with_tokenizer, look):
    folder = with_tokenizer(lambda tokenizer: setattr(tokenizer, "eos_token", None))
    with pytest.raises(ModelError, match="no end-of-text token"):
        look(section(folder), "all-linear") if look is check_base else look(section(folder), device="cpu")


def test_a_tokenizer_without_a_start_is_fine(with_tokenizer):
    folder = with_tokenizer(lambda tokenizer: setattr(tokenizer, "bos_token", None))
    assert load_base(section(folder), device="cpu").tokenizer.bos_token is None


def turns_into_chat(tokenizer):
    tokenizer.add_tokens(["<turn>"], special_tokens=True)
    tokenizer.chat_template = "<turn>{{ messages[0].content }}"


@pytest.mark.parametrize("look", [check_base, load_base])
def test_a_token_without_an_embedding_is_refused_before_it_is_used(with_tokenizer, look):
    folder = with_tokenizer(turns_into_chat)
    with pytest.raises(ModelError, match=r"knows 259 tokens, .* embeddings for 258 only \(<turn>\)"):
        look(section(folder), "all-linear") if look is check_base else look(section(folder), device="cpu")


def test_a_base_whose_files_lack_weights_is_refused_instead_of_getting_random_ones(tmp_path):
    folder = save_base(tmp_path / "base", tiny_llama())
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if "layers.1.mlp" not in name}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ModelError, match=r"lack weights of the model \(model\.layers\.1\.mlp\.\w+\.\w+ and 2 more"
    ):
        load_base(section(folder), device="cpu")


def test_a_head_that_is_the_embeddings_is_not_missing(tmp_path):
    config = LlamaConfig(
        vocab_size=257, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
        tie_word_embeddings=True,
    )  # fmt: skip
    folder = save_base(tmp_path / "base", LlamaForCausalLM(config))
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    base = load_base(section(folder), device="cpu")
    assert base.model.lm_head.weight is base.model.get_input_embeddings().weight


def test_a_tokenizer_of_a_larger_model_is_refused(tmp_path):
    model = tiny_llama()
    model.save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="knows 258 tokens, but the model has embeddings for 97 only"):
        load_base(section(tmp_path), device="cpu")


def test_an_added_token_that_no_text_brings_about_is_let_be(with_tokenizer):
    folder = with_tokenizer(lambda tokenizer: tokenizer.add_tokens(["<picture>"], special_tokens=True))
    assert len(load_base(section(folder), device="cpu").tokenizer) == 259


def test_the_early_look_reads_the_adapter_to_start_from(base_folder, tmp_path):
    with pytest.raises(ModelError, match="holds no adapter"):
        check_base(section(base_folder, adapter=str(tmp_path)), "all-linear")


def test_offloading_without_a_gpu_is_recorded_as_having_nothing_to_do(base_folder):
    base = load_base(section(base_folder, offload="cpu", quantization="int8", precision="fp32"), device="cpu")
    assert base.facts["offload"]["asked"] == "cpu"
    assert base.facts["offload"]["got"].startswith("none: no GPU")
    assert "offload" not in load_base(section(base_folder), device="cpu").facts


def test_the_fingerprint_changes_with_a_weight_and_not_with_the_sharding(base_folder, tmp_path):
    files = find_files(str(base_folder))
    whole = fingerprint(files.config, files.weights)
    tensors = load_file(files.weights[0])
    names = sorted(tensors)
    save_file({n: tensors[n] for n in names[:5]}, tmp_path / "a.safetensors")
    save_file({n: tensors[n] for n in names[5:]}, tmp_path / "b.safetensors")
    assert fingerprint(files.config, [tmp_path / "b.safetensors", tmp_path / "a.safetensors"]) == whole
    changed = {n: t.clone() for n, t in tensors.items()}
    changed[names[0]].view(-1)[0] += 1
    save_file(changed, tmp_path / "c.safetensors")
    assert fingerprint(files.config, [tmp_path / "c.safetensors"]) != whole


def test_an_adapter_is_refused_on_another_base_of_the_same_shape(base_folder, tmp_path):
    base = load_base(section(base_folder), device="cpu")
    lora = LoraSection(rank=4)
    layers = new_adapter(base, lora, seed=0)
    save_config(base, lora, layers, tmp_path / "adapter")
    save_weights(dict(adapter_tensors(base.model)), tmp_path / "adapter")
    other = tiny_llama()
    with torch.no_grad():
        next(other.parameters()).view(-1)[0] += 1
    twin = load_base(section(save_base(tmp_path / "other", other)), device="cpu")
    with pytest.raises(ModelError, match="another base"):
        load_adapter(twin, tmp_path / "adapter")


def test_lora_starts_as_in_peft(base_folder):
    """A like PEFT's in distribution, B zero: the adapted model is the base."""
    plain, adapted = (
        load_base(section(base_folder), device="cpu"),
        load_base(section(base_folder), device="cpu"),
    )
    new_adapter(adapted, LoraSection(rank=8), seed=0)
    tokens = torch.arange(12).reshape(2, 6)
    assert torch.equal(plain.model(input_ids=tokens).logits, adapted.model.eval()(input_ids=tokens).logits)
    theirs = get_peft_model(plain.model, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    spread = {
        n.replace(".default", ""): float(p.std()) for n, p in theirs.named_parameters() if "lora_A" in n
    }
    for name, tensor in adapter_tensors(adapted.model).items():
        if "lora_A" in name:
            assert float(tensor.std()) == pytest.approx(spread[name], rel=0.25)
            bound = tensor.shape[1] ** -0.5  # of a uniform draw, by kaiming_uniform_ with a = sqrt(5)
            assert 0.9 * bound < float(tensor.detach().abs().max()) <= bound


def test_dropout_comes_back_in_nested_configurations_too(tmp_path):
    text = {"attention_dropout": 0.2, "hidden_size": 8, "num_hidden_layers": 1}
    Gemma3Config(text_config=text).save_pretrained(tmp_path)
    own = load_config(str(tmp_path))
    whole = config_without_dropout(str(tmp_path))
    text_alone = config_without_dropout(str(tmp_path)).get_text_config()
    assert whole.text_config.attention_dropout == text_alone.attention_dropout == 0.0
    restore_dropout(whole, own)
    restore_dropout(text_alone, own)
    assert whole.text_config.attention_dropout == text_alone.attention_dropout == 0.2
    assert whole.to_dict() == own.to_dict()


RANDOM_IN_TRAINING = [
    Starcoder2Config(residual_dropout=0.1, embedding_dropout=0.1, attention_dropout=0.1),
    GPTNeoConfig(resid_dropout=0.1, embed_dropout=0.1, attention_dropout=0.1),
    MptConfig(resid_pdrop=0.1, emb_pdrop=0.1),
    DbrxConfig(resid_pdrop=0.1, attn_config={"attn_pdrop": 0.1}, ffn_config={"moe_jitter_eps": 0.1}),
    MixtralConfig(router_jitter_noise=0.1),
    PhimoeConfig(input_jitter_noise=0.1),
    BartConfig(decoder_layerdrop=0.1),
]


@pytest.mark.parametrize("own", RANDOM_IN_TRAINING, ids=lambda config: config.model_type)
def test_nothing_of_a_base_is_random_in_training(own, tmp_path):
    own.save_pretrained(tmp_path)
    config = config_without_dropout(str(tmp_path))
    nested = [part for part in vars(config).values() if isinstance(part, PreTrainedConfig)]
    shares = [value for part in (config, *nested) for value in vars(part).values() if value == 0.1]
    assert shares == []
    restore_dropout(config, own)
    assert config.to_dict() == load_config(str(tmp_path)).to_dict()


def test_what_a_base_computes_by_is_no_dropout_whatever_its_name(tmp_path):
    """PhiMoE's router lets experts in by `router_jitter_noise`, in training and afterwards."""
    PhimoeConfig(router_jitter_noise=0.02).save_pretrained(tmp_path)
    assert config_without_dropout(str(tmp_path)).router_jitter_noise == 0.02


def test_a_base_whose_positions_change_for_long_batches_is_read_up_to_there():
    rope = {"rope_type": "longrope", "short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
    phi = {"hidden_size": 32, "num_attention_heads": 2, "max_position_embeddings": 256}
    by_itself = Phi3Config(**phi, original_max_position_embeddings=64, rope_scaling=rope)
    of_rope = LlamaConfig(
        **phi, rope_parameters={**rope, "original_max_position_embeddings": 32, "rope_theta": 1e4}
    )
    plain = LlamaConfig(**phi)
    assert [context_of(config) for config in (by_itself, of_rope, plain)] == [64, 32, 256]


@pytest.mark.parametrize("kind", [MambaConfig, Gemma3TextConfig])
def test_a_base_says_its_context_or_none(kind):
    config = kind(num_hidden_layers=2)
    assert context_of(config) == getattr(config, "max_position_embeddings", None)


def test_a_package_that_a_bases_own_code_needs_is_named(tmp_path):
    folder = save_base(tmp_path, tiny_llama())
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "own.Own"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("import no_such_package\n\n\nclass Own:\n    pass\n")
    with pytest.raises(ModelError, match=r"needs a package that is not installed.*no_such_package"):
        load_base(section(folder, revision="abc", trust_remote_code=True), device="cpu")
