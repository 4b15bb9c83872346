"""A run as one plain model: the adapter folded into the base, saved, loaded again and compared."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer

from medadapt.core.errors import DiskError, RunFolderError
from medadapt.core.files import disk_faults, give_usual_mode, read_json, write_json, write_text
from medadapt.core.progress import Progress
from medadapt.core.recipe import ModelSection
from medadapt.core.records import Record, read_records
from medadapt.core.results import ModelName, Prediction, read_predictions
from medadapt.examples.encoding import Encoder
from medadapt.examples.shown_prompt import shown_prompt
from medadapt.models.adapter import load_adapter
from medadapt.models.loading import LoadedBase, load_base, load_config, restore_dropout
from medadapt.models.merging import merge_adapter
from medadapt.models.quiet import quiet_libraries
from medadapt.models.speaking import speaking_as
from medadapt.predictions.asking import predict
from medadapt.predictions.settings import BATCH_TOKENS, PredictionSettings
from medadapt.serving.asking import Asking, asking_of_run
from medadapt.serving.command_targets import Run, need_adapter
from medadapt.serving.export_card import export_card
from medadapt.serving.parity import ROUNDING, Parity, agreement, parity_values

PARITY = "parity.json"
"""Its presence marks a folder that an export has made and may replace."""
RECORDS = 32
"""Test records that are compared."""
SHARD = "4GB"
PRECISION_OF = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export left behind."""

    folder: Path
    parity: Parity


def export_merged(
    run: Run,
    folder: Path,
    *,
    precision: str | None = None,
    device: str = "auto",
    replace_folder: bool = False,
    progress: Progress,
) -> Exported:
    """Merge a run's adapter into its unquantised base and save the model in `folder`.

    The folder appears whole, with `parity.json`, or not at all; a model that does not agree is left there
    for a look. `precision` is bf16, fp16 or fp32; None is the one the run was measured in. Raises
    RunFolderError where the run is not finished or the folder is in use, ModelError where the base cannot
    be loaded.
    """
    need_adapter(run)
    _check_folder(folder, run, replace_folder=replace_folder)
    asking = asking_of_run(run.recipe, run.folder)
    records = list(islice(read_records(run.folder.records / "test.jsonl"), RECORDS))
    held = {"quantization": "none", "offload": "none", "precision": precision or _measured_precision(run)}
    base = load_base(_model(asking.model, held), base=run.base, device=device)
    encoder = Encoder(base.tokenizer, asking.plan)
    load_adapter(base, run.folder.adapter)
    with speaking_as(base.model, "baseline"):
        alone = _measure(base, encoder, records, asking, name="baseline", progress=progress)
    wanted = _measure(base, encoder, records, asking, name="tuned", progress=progress)
    merge_adapter(base)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        _save(base, asking, run, part)
        again = _loaded_again(base, part)
        reloaded = Encoder(again.tokenizer, asking.plan)
        parity = Parity(
            precision=str(base.facts["precision"]["got"]),
            limit=ROUNDING[base.facts["precision"]["got"]],
            same_prompts=_tokens(encoder, records) == _tokens(reloaded, records),
            adapter=agreement(
                wanted, got := _measure(again, reloaded, records, asking, name="tuned", progress=progress)
            ),
            effect=agreement(wanted, alone),
            measured=_against_measured(run, got),
            quantization=run.recipe.model.quantization,
        )
        write_json(part / PARITY, parity_values(parity))
        shown = shown_prompt(encoder, records)
        write_text(part / "README.md", export_card(run, shown, parity, folder.name, chat=asking.plan.chat))
        _put_in_place(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Exported(folder=folder, parity=parity)


def _model(model: ModelSection, held: dict[str, Any]) -> ModelSection:
    return model.model_copy(update=held)


def _measured_precision(run: Run) -> str:
    """The number format in which the run's predictions were made, else that of the recipe."""
    state = read_json(run.folder.state)
    dtype = (state.get("prediction") or {}).get("dtype") or state.get("dtype")
    return PRECISION_OF.get(str(dtype), run.recipe.model.precision)


def _check_folder(folder: Path, run: Run, *, replace_folder: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    ours = (folder / PARITY).is_file() and not folder.is_symlink()
    if ours and replace_folder and folder.resolve() not in run.folder.path.resolve().parents:
        return
    way_out = "Choose another folder with -o" + (", or add --replace." if ours else ".")
    raise RunFolderError(
        f"{folder} is not empty{'' if ours else ', and no export made it'}.", "a new or empty folder", way_out
    )


def _measure(
    model: LoadedBase,
    encoder: Encoder,
    records: Sequence[Record],
    asking: Asking,
    *,
    name: ModelName,
    progress: Progress,
) -> list[Prediction]:
    tokens = BATCH_TOKENS.get(model.device.type, BATCH_TOKENS["cpu"])
    settings = PredictionSettings(task=asking.task, method="score", batch_tokens=tokens)
    return predict(model, encoder, records, name=name, settings=settings, progress=progress)


def _save(base: LoadedBase, asking: Asking, run: Run, part: Path) -> None:
    """The merged model and its tokenizer; the configuration is the base's own again."""
    model: Any = base.model
    _check_room(model, part.parent)
    own = load_config(base.name, revision=None if run.base else asking.model.revision,
                      trust_remote_code=asking.model.trust_remote_code)  # fmt: skip
    restore_dropout(model.config, own)
    with disk_faults(part):
        part.mkdir(parents=True)
        with quiet_libraries():
            model.save_pretrained(part, max_shard_size=SHARD)
        for weights in part.glob("*.safetensors"):
            give_usual_mode(weights)
        base.tokenizer.save_pretrained(part)


def _check_room(model: Any, place: Path) -> None:
    needed = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    while not place.exists():
        place = place.parent
    if (free := shutil.disk_usage(place).free) < needed:
        raise DiskError(
            f"{place} has {free / 1e9:.1f} GB left, and the merged model needs {needed / 1e9:.1f} GB.",
            "room for the whole model",
            "Free some space or choose another folder with -o.",
        )


def _loaded_again(base: LoadedBase, folder: Path) -> LoadedBase:
    """The saved model as any program would load it, with transformers alone."""
    with quiet_libraries():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=base.dtype, device_map={"": base.device})
        return replace(base, model=model.eval(), tokenizer=AutoTokenizer.from_pretrained(folder))


def _tokens(encoder: Encoder, records: Sequence[Record]) -> list[list[int]]:
    return [prompt.tokens for prompt in encoder.prompts(records)]


def _against_measured(run: Run, got: Sequence[Prediction]) -> Any:
    path = run.folder.predictions / "tuned.jsonl"
    if not path.is_file():
        return None
    kept = {prediction.id: prediction for prediction in read_predictions(path)}
    pairs = [(kept[prediction.id], prediction) for prediction in got if prediction.id in kept]
    return agreement([a for a, _ in pairs], [b for _, b in pairs]) if pairs else None


def _put_in_place(part: Path, folder: Path) -> None:
    """The new folder instead of the old one, which is deleted only when the new one stands."""
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    with disk_faults(folder):
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
        shutil.rmtree(old, ignore_errors=True)
