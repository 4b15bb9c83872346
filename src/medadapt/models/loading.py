"""The base model and its tokenizer, loaded as the recipe asks, with asked = got checked."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
from transformers.utils import cached_file
from transformers.utils import logging as transformers_logging

from medadapt.core.errors import ModelError
from medadapt.core.recipe import ModelSection
from medadapt.models.device import PRECISION_OF, device_facts, pick_device, resolve_dtype
from medadapt.models.fingerprint import fingerprint
from medadapt.models.forward import text_config, verify_forward

FAST_ATTENTION = "sdpa"
PLAIN_ATTENTION = "eager"
DROPOUTS = (
    "dropout", "attention_dropout", "activation_dropout", "hidden_dropout", "layerdrop",
    "resid_pdrop", "embd_pdrop", "attn_pdrop", "hidden_dropout_prob", "attention_probs_dropout_prob",
)  # fmt: skip


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
    facts: dict[str, Any] = field(default_factory=dict)
    """For run.json: device, and precision, quantization and attention as asked and as got."""

    @property
    def vocabulary_size(self) -> int:
        """Width of the model's output."""
        return int(text_config(self.model).vocab_size)

    @property
    def context_length(self) -> int | None:
        """Most tokens the model can read, where its configuration says so."""
        return getattr(text_config(self.model), "max_position_embeddings", None)


def load_base(model: ModelSection, *, base: str | None = None, device: str = "auto") -> LoadedBase:
    """Load the base of a recipe from a local folder or the hub cache, downloading where that is allowed.

    Args:
        model: the recipe's section.
        base: a folder or id to load instead of `model.base` (a smoke run's own base).
        device: as `--device`.

    Raises:
        ModelError: the model is absent, gated, not in safetensors format, needs foreign code, or the
            precision or quantisation in memory is not the one asked for.
    """
    name = base or model.base
    revision = model.revision if base is None else None
    place = pick_device(device)
    dtype = resolve_dtype(model.precision, place)
    files = find_files(name, revision=revision)
    refuse_foreign_code(files.config, name, trusted=model.trust_remote_code)
    tokenizer = load_tokenizer(name, revision=revision, trust_remote_code=model.trust_remote_code)
    options: dict[str, Any] = {
        "config": config_without_dropout(name, revision=revision),
        "revision": revision,
        "dtype": dtype,
        "device_map": {"": place},
        "use_safetensors": True,
        "trust_remote_code": model.trust_remote_code,
    }
    if model.quantization == "nf4":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    loaded = _load_weights(name, _known(options))
    loaded.requires_grad_(False)
    loaded.eval()
    guard_cpu_quantization(loaded)
    verify_forward(loaded)
    facts = {
        "device": asdict(device_facts(place)),
        "precision": {"asked": model.precision, "got": weights_precision(loaded)},
        "quantization": {"asked": model.quantization, "got": weights_quantization(loaded)},
        "attention": {"asked": FAST_ATTENTION, "got": loaded.config._attn_implementation},
    }
    _check_asked_is_got(facts, PRECISION_OF[dtype])
    return LoadedBase(
        model=loaded,
        tokenizer=tokenizer,
        device=place,
        dtype=dtype,
        sha256=fingerprint(files.config, files.weights),
        name=name,
        facts=facts,
    )


def _load_weights(name: str, options: dict[str, Any]) -> Any:
    try:
        with quiet_libraries():
            try:
                return AutoModelForCausalLM.from_pretrained(
                    name, attn_implementation=FAST_ATTENTION, **options
                )
            except ValueError as problem:
                if "scaled_dot_product_attention" not in str(problem):
                    raise
                # A few architectures (Gemma 2) have no fused attention; what was got stands in run.json.
                return AutoModelForCausalLM.from_pretrained(
                    name, attn_implementation=PLAIN_ATTENTION, **options
                )
    except (OSError, ValueError, KeyError, SafetensorError) as problem:
        raise ModelError(
            f"{name}: the model cannot be loaded ({_first_line(problem)}).",
            "a causal language model that transformers knows, with complete safetensors files",
            "Check model.base; `medadapt run ... --smoke` tries the recipe without it.",
        ) from problem


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where the configuration and the weights of a base lie on disk."""

    config: Path
    weights: list[Path]


def find_files(name: str, *, revision: str | None = None) -> ModelFiles:
    """Files of a base in a local folder, or of a hub model in the cache (downloaded where allowed)."""
    config = _file_of(name, "config.json", revision)
    index = _file_of(name, "model.safetensors.index.json", revision, needed=False)
    if index is not None:
        shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    else:
        shards = ["model.safetensors"]
    weights = [_file_of(name, shard, revision) for shard in shards]
    assert config is not None
    return ModelFiles(config=config, weights=[path for path in weights if path is not None])


def load_tokenizer(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Any:
    """The tokenizer of a base. Raises ModelError when there is none."""
    try:
        with quiet_libraries():
            options = _known({"revision": revision, "trust_remote_code": trust_remote_code})
            tokenizer = AutoTokenizer.from_pretrained(name, **options)
    except (OSError, ValueError, KeyError, ImportError) as problem:
        raise ModelError(
            f"{name}: the tokenizer cannot be loaded ({_first_line(problem)}).",
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


def load_config(name: str, *, revision: str | None = None) -> Any:
    """The configuration of a base, without its weights."""
    path = _file_of(name, "config.json", revision)
    return AutoConfig.from_pretrained(path)


def config_without_dropout(name: str, *, revision: str | None = None) -> Any:
    """The base's configuration with its own dropout off.

    The base is frozen, so its dropout would only blur the gradient, and its masks come from a generator
    that no checkpoint could put back. `lora.dropout` is the one that is meant.
    """
    config = load_config(name, revision=revision)
    for part in {id(c): c for c in (config, config.get_text_config())}.values():
        for key in DROPOUTS:
            if isinstance(getattr(part, key, None), float):
                setattr(part, key, 0.0)
    return config


def refuse_foreign_code(config_file: Path, name: str, *, trusted: bool) -> None:
    """Raise ModelError when a configuration names code of its own and that is not allowed."""
    config = json.loads(config_file.read_text(encoding="utf-8"))
    asks = "auto_map" in config or any(key.startswith("_attn_implementation") for key in config)
    if asks and not trusted:
        raise ModelError(
            f"{name}: config.json asks to run Python code that comes with the model.",
            "an architecture that transformers knows",
            "Read that code first; then pin model.revision and set model.trust_remote_code: true.",
        )


def guard_cpu_quantization(model: nn.Module) -> None:
    """Keep 4-bit layers trainable on CPUs with AVX512-BF16.

    There bitsandbytes repacks the weights in the first evaluation; later training forwards then use a
    kernel without a gradient, and the layers before get none, with no error. Measured on 0.50.2.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


def weights_quantization(model: nn.Module) -> str:
    """What the linear layers in memory really are: `nf4`, `int8`, `none`, or another 4-bit type."""
    kinds = set()
    for module in model.modules():
        name = type(module).__name__
        if name == "Linear4bit":
            kinds.add(str(getattr(module.weight, "quant_type", "4bit")))
        elif name == "Linear8bitLt":
            kinds.add("int8")
    return "+".join(sorted(kinds)) or "none"


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


def _file_of(name: str, file: str, revision: str | None, *, needed: bool = True) -> Path | None:
    folder = Path(name).expanduser()
    if folder.is_dir():
        path = folder / file
        if path.is_file():
            return path
        if not needed:
            return None
        raise _missing_in_folder(folder, file)
    if looks_like_path(name):
        raise ModelError(
            f"The base model folder {name} does not exist.",
            "a folder with config.json, model.safetensors and tokenizer, or a hub id such as facebook/opt-1.3b",
            "Correct model.base.",
        )
    try:
        found = cached_file(name, file, revision=revision, _raise_exceptions_for_missing_entries=needed)
    except (OSError, ValueError) as problem:
        raise _hub_problem(name, file, problem) from problem
    return Path(found) if found else None


def looks_like_path(name: str) -> bool:
    """Whether a base is meant as a folder rather than a hub id (`owner/name`)."""
    return name.startswith((".", "/", "~", "\\")) or name.count("/") > 1 or "\\" in name


def _missing_in_folder(folder: Path, file: str) -> ModelError:
    pickled = sorted(p.name for p in folder.iterdir() if p.suffix in {".bin", ".pt", ".pth"})
    if file.endswith(".safetensors") and pickled:
        return ModelError(
            f"{folder} holds its weights as {pickled[0]}, a pickle that can run code when opened.",
            "model.safetensors",
            "Use the safetensors version of the model, or convert it in a place you trust.",
        )
    return ModelError(
        f"{folder} has no {file}.",
        "a model folder with config.json, model.safetensors and the tokenizer",
        "Correct model.base, or complete the download.",
    )


def _hub_problem(name: str, file: str, problem: Exception) -> ModelError:
    text = " ".join(str(problem).split()) + type(problem.__cause__).__name__
    if "gated" in text.lower() or "401" in text or "403" in text:
        return ModelError(
            f"{name} is gated or private, and this machine is not logged in with access to it.",
            "an account that accepted the model's terms",
            f"Accept the terms on https://huggingface.co/{name}, then log in with `hf auth login`.",
        )
    if "offline" in text.lower() or "couldn't connect" in text.lower() or "LocalEntryNotFound" in text:
        return ModelError(
            f"{name} is not on this machine, and the model hub cannot be reached ({file} was looked for).",
            "the model in the local cache, a model folder, or a connection to the hub",
            "Connect and repeat (unset HF_HUB_OFFLINE if it is set), or set model.base to a local folder. "
            "`--smoke` tries the recipe without the model.",
        )
    return ModelError(
        f"{name} was not found on the model hub, or has no {file}.",
        "a hub id such as facebook/opt-1.3b, with weights in safetensors format",
        "Correct model.base or model.revision.",
    )


def _known(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def _first_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__


class quiet_libraries:  # noqa: N801 - reads as a phrase in `with`
    """Silence the loading chatter of libraries; their errors still come through."""

    def __enter__(self) -> None:
        self._level = logging.getLogger("transformers").level
        transformers_logging.disable_progress_bar()
        logging.getLogger("transformers").setLevel(logging.ERROR)
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, *_: object) -> None:
        self._warnings.__exit__(None, None, None)
        logging.getLogger("transformers").setLevel(self._level)
        transformers_logging.enable_progress_bar()
