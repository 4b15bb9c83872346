"""The base model and its tokenizer, loaded as the recipe asks, with asked = got checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedConfig

from medadapt.core.errors import ModelError, first_line
from medadapt.core.recipe import ModelSection
from medadapt.models.adapter_files import find_adapter, read_adapter_config
from medadapt.models.agreement import verify_forward
from medadapt.models.base_files import (
    check_weights,
    find_files,
    find_folder,
    read_base_config,
)
from medadapt.models.blank import blank_model, missing_package
from medadapt.models.device import PRECISION_OF, device_facts, is_out_of_memory, pick_device, resolve_dtype
from medadapt.models.ends import end_ids
from medadapt.models.fingerprint import fingerprint
from medadapt.models.forward import context_of, text_config
from medadapt.models.local_base import local_folder
from medadapt.models.placement import MAKES_ROOM, Placement, place_base
from medadapt.models.quantization import (
    check_head,
    compute_in,
    guard_cpu_quantization,
    quantization_config,
    weights_quantization,
)
from medadapt.models.quiet import quiet_libraries
from medadapt.models.targets import resolve_targets

FAST_ATTENTION = "sdpa"
PLAIN_ATTENTION = "eager"
CONVERSION_FAILED, SHAPES_DIFFER = "issues during automatic conversion", "ignore_mismatched_sizes"
"""What transformers' errors say where weights cannot be converted, or have other shapes than the model."""
DROPOUTS = ("dropout", "dropout_p", "dropout_prob", "pdrop", "layerdrop", "jitter_noise", "jitter_eps")
"""How the names of settings end that make a model random in training."""
THRESHOLDS = {("phimoe", "router_jitter_noise")}
"""Named so, but no noise: Phi's mixture uses it to choose experts, in training or not."""


@dataclass(frozen=True, kw_only=True)
class LoadedBase:
    """A base model ready to work, and what is known about it."""

    model: nn.Module
    """Causal language model; its weights are frozen."""
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    """Number format the model computes in."""
    sha256: str
    """Fingerprint of the base's files."""
    name: str
    revision: str | None = None
    """The branch, tag or commit that was asked for, of a hub model."""
    end_ids: tuple[int, ...] = ()
    """Tokens at which the base ends a text by its own settings."""
    facts: dict[str, Any] = field(default_factory=dict)
    """For run.json: device, and precision, quantization and attention as asked and as got."""

    @property
    def vocabulary_size(self) -> int:
        """Width of the model's output."""
        return int(text_config(self.model).vocab_size)

    @property
    def context_length(self) -> int | None:
        """Most tokens the model can read, where its configuration says so."""
        return context_of(self.model.config)


def load_base(model: ModelSection, *, base: str | None = None, device: str = "auto") -> LoadedBase:
    """Load the base of a recipe from a local folder or the hub cache, downloading where that is allowed.

    Args:
        model: the recipe's section.
        base: a folder or id to load instead of `model.base` (a smoke run's own base); `model.revision` is one of
            `model.base` alone.
        device: as `--device`.

    Raises:
        ModelError: the model is absent, gated, not in safetensors format, needs foreign code, or the
            precision or quantisation in memory is not the one asked for.
    """
    name = base or model.base
    revision = model.revision if name == model.base else None
    place = pick_device(device)
    dtype = resolve_dtype(model.precision, place)
    files = find_files(name, revision=revision, code=model.trust_remote_code)
    refuse_foreign_code(files.config, name, trusted=model.trust_remote_code)
    tokenizer = load_tokenizer(name, revision=revision, trust_remote_code=model.trust_remote_code)
    config = config_without_dropout(name, revision=revision, trust_remote_code=model.trust_remote_code)
    check_vocabulary(tokenizer, config, name)
    placement = place_base(
        config,
        place,
        any_device=device == "auto",
        dtype=dtype,
        quantization=model.quantization,
        offload=model.offload,
        code=model.trust_remote_code,
    )
    sha256 = fingerprint(files.config, files.weights)
    options: dict[str, Any] = {
        "config": config,
        "dtype": dtype,
        "device_map": placement.device_map,
        "use_safetensors": True,
        "trust_remote_code": model.trust_remote_code,
    }
    if packing := quantization_config(model.quantization, dtype, offload=placement.offloads):
        options["quantization_config"] = packing
    loaded = _load_weights(name, files.folder, options)
    loaded.requires_grad_(False)
    loaded.eval()
    guard_cpu_quantization(loaded)
    compute_in(loaded, dtype)
    check_head(loaded)
    verify_forward(loaded)
    facts = _facts(loaded, model, place, placement)
    _check_asked_is_got(facts, PRECISION_OF[dtype])
    return LoadedBase(
        model=loaded,
        tokenizer=tokenizer,
        device=place,
        dtype=dtype,
        sha256=sha256,
        name=name,
        revision=None if local_folder(name) else revision,
        end_ids=end_ids(loaded.generation_config, tokenizer),
        facts=facts,
    )


def _facts(loaded: Any, model: ModelSection, place: torch.device, placement: Placement) -> dict[str, Any]:
    facts = {
        "device": asdict(device_facts(place)),
        "precision": {"asked": model.precision, "got": weights_precision(loaded)},
        "quantization": {"asked": model.quantization, "got": weights_quantization(loaded)},
        "attention": {"asked": FAST_ATTENTION, "got": loaded.config._attn_implementation},
    }
    if model.offload != "none":
        facts["offload"] = {"asked": model.offload, "got": placement.offload}
    if len(placement.device_map) > 1:
        facts["placement"] = {part: str(device) for part, device in placement.device_map.items()}
    return facts


def check_base(model: ModelSection, targets: str | tuple[str, ...]) -> None:
    """Raise ModelError now where `load_base` and `new_adapter` would later, as far as small files tell.

    Looked at are config.json, the tokenizer, whether there are weights in safetensors format, whether the
    layers that `lora.targets` names exist, and whether `model.adapter` is there and of a kind that can be
    taken up. Of the base nothing large is downloaded or loaded.
    """
    where: dict[str, Any] = {"revision": model.revision, "trust_remote_code": model.trust_remote_code}
    folder = find_folder(model.base, revision=model.revision, code=model.trust_remote_code)
    refuse_foreign_code(folder / "config.json", model.base, trusted=model.trust_remote_code)
    config = load_config(model.base, **where)
    check_vocabulary(load_tokenizer(model.base, **where), config, model.base)
    if weights := check_weights(model.base, revision=model.revision):
        fingerprint(folder / "config.json", weights)
    if model.adapter is not None:
        read_adapter_config(find_adapter(model.adapter))
    if targets != "all-linear" and not model.trust_remote_code:  # which every decoder has
        with torch.device("meta"), quiet_libraries():
            resolve_targets(blank_model(config), targets)


def _load_weights(name: str, folder: Path, options: dict[str, Any]) -> Any:
    try:
        with quiet_libraries():
            try:
                model, told = _from_folder(folder, FAST_ATTENTION, options)
            except ValueError as problem:
                if "scaled_dot_product_attention" not in str(problem):
                    raise
                # A few architectures (Gemma 2) have no fused attention; what was got stands in run.json.
                model, told = _from_folder(folder, PLAIN_ATTENTION, options)
    except ImportError as problem:
        raise missing_package(name, problem) from problem
    except (OSError, ValueError, KeyError, SafetensorError) as problem:
        raise ModelError(
            f"{name}: the model cannot be loaded ({first_line(problem)}).",
            "a causal language model that transformers knows, with complete safetensors files",
            "Check model.base; `medadapt run ... --smoke` tries the recipe without it.",
        ) from problem
    except (RuntimeError, MemoryError) as problem:
        if (known := _weights_problem(name, problem)) is None:
            raise
        raise known from problem
    _refuse_missing(name, model, told["missing_keys"])
    return model


def _from_folder(folder: Path, attention: str, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The model, and what transformers tells of its weights."""
    model, told = AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation=attention, output_loading_info=True, **options
    )
    return model, told


def _refuse_missing(name: str, model: Any, missing: Iterable[str]) -> None:
    """Weights that no file has were drawn at random, which transformers only warns of."""
    weights = {weight for weight, _ in model.named_parameters()}
    if absent := sorted(weights.intersection(missing)):
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise ModelError(
            f"{name}: the files lack weights of the model ({absent[0]}{more}).",
            "a causal language model whose safetensors files are complete",
            "Download the model again. A model for other work, such as one that classifies, has no head that writes.",
        )


def _weights_problem(name: str, problem: Exception) -> ModelError | None:
    """What such an error says about the weights; None where it is another one."""
    if is_out_of_memory(problem):
        return ModelError(
            f"Memory ran out while the weights of {name} were loaded.", "room for all weights", MAKES_ROOM
        )
    if CONVERSION_FAILED in str(problem):  # transformers keeps the cause to itself
        return ModelError(
            f"{name}: the weights cannot be converted. Either memory ran out meanwhile, or they are damaged.",
            "room for all weights, and the files as they were published",
            f"{MAKES_ROOM} Where there is room enough, download the model again.",
        )
    if SHAPES_DIFFER in str(problem):
        return ModelError(
            f"{name}: the weights do not fit config.json.",
            "weights of the shapes that config.json gives",
            "Put the config.json that belongs to the weights beside them, or download the model again.",
        )
    return None


def load_tokenizer(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a base. Raises ModelError when there is none."""
    folder = local_folder(name) or find_folder(name, revision=revision, code=trust_remote_code)
    try:
        with quiet_libraries():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except (OSError, ValueError, KeyError, ImportError) as problem:
        raise ModelError(
            f"{name}: the tokenizer cannot be loaded ({first_line(problem)}).",
            "tokenizer.json, or the vocabulary files its class needs, beside the model",
            "Download the model's tokenizer files into the same folder.",
        ) from problem
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"{name}: the tokenizer has no end-of-text token.",
            "an eos_token, so that the model can learn to stop",
            "Set eos_token in tokenizer_config.json to the token the model was trained with.",
        )
    return tokenizer


def check_vocabulary(tokenizer: Any, config: Any, name: str) -> None:
    """Raise ModelError when the tokenizer makes tokens that the model has no embedding for.

    Added tokens that no text can bring about are let be: some models list one for pictures.
    """
    rows = config.get_text_config().vocab_size
    template = tokenizer.chat_template if isinstance(tokenizer.chat_template, str) else ""
    needed = {tokenizer.bos_token, tokenizer.eos_token}
    beyond = [
        token
        for token, number in tokenizer.get_added_vocab().items()
        if number >= rows and (token in needed or token in template)
    ]
    if tokenizer.vocab_size > rows or beyond:
        named = f" ({', '.join(sorted(beyond)[:3])})" if beyond else ""
        raise ModelError(
            f"{name}: the tokenizer knows {len(tokenizer)} tokens, but the model has embeddings for {rows} "
            f"only{named}.",
            "the tokenizer that the model was trained with",
            "Put the model's own tokenizer files beside it. A model with added tokens needs its resized "
            "embeddings saved first.",
        )


def load_config(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Any:
    """The configuration of a base, without its weights. Raises ModelError where transformers knows none."""
    folder = find_folder(name, revision=revision, code=trust_remote_code)
    read_base_config(folder / "config.json")
    try:
        with quiet_libraries():
            return AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except ImportError as problem:
        raise missing_package(name, problem) from problem
    except (OSError, ValueError, KeyError) as problem:
        raise ModelError(
            f"{name}: config.json cannot be used ({first_line(problem)}).",
            "a causal language model of an architecture that transformers knows",
            "Correct model.base, or complete the download.",
        ) from problem


def config_without_dropout(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Any:
    """The base's configuration with its own dropout off.

    The base is frozen, so its dropout would only blur the gradient, and its masks come from a generator
    that no checkpoint could put back. `lora.dropout` is the one that is meant.
    """
    config = load_config(name, revision=revision, trust_remote_code=trust_remote_code)
    for part in {id(c): c for c in (config, config.get_text_config())}.values():
        _without_dropout(part)
    return config


def restore_dropout(config: Any, own: Any) -> None:
    """Undo `config_without_dropout` in `config`, in place; `own` is the base's configuration as it came.

    A model may keep the text part of its base's configuration alone.
    """
    _with_dropout_of(own.get_text_config(), config.get_text_config())
    if type(config) is type(own):
        _with_dropout_of(own, config)


def _without_dropout(config: Any) -> None:
    for key, value in list(vars(config).items()):
        if isinstance(value, PreTrainedConfig):
            _without_dropout(value)
        elif _is_dropout(config, key, value):
            setattr(config, key, 0.0)


def _with_dropout_of(own: Any, config: Any) -> None:
    for key, value in vars(own).items():
        if isinstance(value, PreTrainedConfig):
            _with_dropout_of(value, getattr(config, key))
        elif _is_dropout(own, key, value):
            setattr(config, key, value)


def _is_dropout(config: Any, key: str, value: Any) -> bool:
    is_threshold = (config.model_type, key) in THRESHOLDS
    return isinstance(value, float) and key.endswith(DROPOUTS) and not is_threshold


def refuse_foreign_code(config_file: Path, name: str, *, trusted: bool) -> None:
    """Raise ModelError when a configuration names code of its own and that is not allowed."""
    config = read_base_config(config_file)
    # An attention implementation with a slash or a colon is fetched from a hub; a plain name is built in.
    attention = (str(value) for key, value in config.items() if key.startswith("_attn_implementation"))
    asks = "auto_map" in config or any("/" in value or ":" in value for value in attention)
    if asks and not trusted:
        raise ModelError(
            f"{name}: config.json asks to run Python code that comes with the model.",
            "an architecture that transformers knows",
            "Read that code first; then pin model.revision and set model.trust_remote_code: true.",
        )


def weights_precision(model: nn.Module) -> str:
    """Number format of the floating-point weights in memory; several are joined by `+`."""
    dtypes = {weight.dtype for weight in model.parameters() if weight.dtype.is_floating_point}
    return "+".join(sorted(PRECISION_OF.get(dtype, str(dtype)) for dtype in dtypes))


def _check_asked_is_got(facts: dict[str, Any], precision: str) -> None:
    for what, asked, got in (
        ("quantization", facts["quantization"]["asked"], facts["quantization"]["got"]),
        ("precision", precision, facts["precision"]["got"]),
    ):
        if asked != got:
            raise ModelError(
                f"The model in memory has {what} '{got}', although '{asked}' was asked for.",
                f"{what} {asked}",
                "Choose another setting, or a base that supports this one.",
            )
