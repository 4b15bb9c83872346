"""A run as one plain model: the adapter folded into the base, saved, loaded again and compared."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from medadapt.core.errors import DiskError
from medadapt.core.files import disk_faults, give_usual_mode, read_json, write_json, write_text
from medadapt.core.progress import Progress
from medadapt.core.recipe import ModelSection
from medadapt.core.records import Record
from medadapt.core.results import ModelName, Prediction, read_predictions
from medadapt.examples.encoding import Encoder
from medadapt.examples.shown_prompt import shown_prompt
from medadapt.models.adapter import load_adapter
from medadapt.models.loading import LoadedBase, load_base, load_config, restore_dropout
from medadapt.models.merging import merge_adapter
from medadapt.models.placement import Devices
from medadapt.models.quiet import quiet_libraries
from medadapt.models.speaking import speaking_as
from medadapt.predictions.asking import predict
from medadapt.predictions.settings import BATCH_TOKENS, PredictionSettings
from medadapt.serving.asking import Asking, asking_of_run
from medadapt.serving.command_targets import Run, need_adapter
from medadapt.serving.export.card import export_card
from medadapt.serving.export.exported import Exported
from medadapt.serving.export.folders import EXPORT, PARITY, name_of, new_folder
from medadapt.serving.export.parity import ROUNDING, Parity, agreement, parity_values
from medadapt.serving.export.trained_prompt import (
    GENERATION,
    TEMPLATE,
    CheckedTemplate,
    as_ends,
    first_records,
    training_template,
)

SHARD = "4GB"
PRECISION_OF = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
OTHER_TEMPLATES = "additional_chat_templates"
"""Where transformers keeps a tokenizer's templates for tools and the like."""
NO_TEMPLATE = (
    "The model has no chat template: none over messages gives the prompt of the training. Ask it with the code of its "
    "README."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A merged model in its folder, and how it is asked."""

    parity: Parity
    encoder: Encoder
    end_ids: tuple[int, ...]
    """Tokens at which the base ends a text by its own settings."""
    records: Sequence[Record]
    """Test records that it was compared on."""
    checked: CheckedTemplate | None
    """The run's prompt over messages; None where no template gives the same tokens."""


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
    with new_folder(folder, run, replace=replace_folder) as part:
        merged = write_merged(run, part, precision=precision, device=device, progress=progress)
        turns = asking_of_run(run.recipe, run.folder).system_turns
        shown = shown_prompt(merged.encoder, merged.records, turns, end_ids=merged.end_ids)
        checked = merged.checked
        card = export_card(
            run, shown, merged.parity, name_of(folder), chat=merged.encoder.plan.chat,
            template=NO_TEMPLATE if checked is None else checked.in_words(),
        )  # fmt: skip
        write_text(part / "README.md", card)
        write_json(
            part / EXPORT,
            {"schema": 1, "to": "merged", "template_checked_on": None if checked is None else checked.n},
        )
    return Exported(folder=folder, parity=merged.parity, notes=() if checked else (NO_TEMPLATE,))


def write_merged(run: Run, part: Path, *, precision: str | None, device: str, progress: Progress) -> Merged:
    """Base and adapter as one model in `part`, with `parity.json` and the chat template of the training.

    Where there is no such template the model has none: the base's own would ask in other words.
    """
    asking = asking_of_run(run.recipe, run.folder)
    records = first_records(run)
    held = {"quantization": "none", "offload": "none", "precision": precision or _measured_precision(run)}
    base = load_base(_model(asking.model, held), base=run.base, device=device)
    encoder = Encoder(base.tokenizer, asking.plan)
    load_adapter(base, run.folder.adapter)
    with speaking_as(base.model, "baseline"):
        alone = _measure(base, encoder, records, asking, name="baseline", progress=progress)
    wanted = _measure(base, encoder, records, asking, name="tuned", progress=progress)
    merge_adapter(base)
    _save(base, asking, run, part)
    _end_answers(encoder.stopping_ids(base.end_ids), part)
    devices = getattr(base.model, "hf_device_map", {"": base.device})  # it has one where there are several
    base = replace(base, model=nn.Module())  # memory need not hold the model twice
    _free_memory()
    again = _loaded_again(base, part, devices, code=asking.model.trust_remote_code)
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
    checked = training_template(reloaded, records, asking.system_turns)
    _write_template(checked, part)
    return Merged(parity=parity, encoder=reloaded, end_ids=base.end_ids, records=records, checked=checked)


def _end_answers(stops: Sequence[int], part: Path) -> None:
    """Have the saved model end its answers as the run does: a base may know another end than its chat template.

    In the file, because transformers saves no settings that are changed and not quite as it wants them.
    """
    path = part / GENERATION
    settings = read_json(path) if path.is_file() else {}
    write_json(path, settings | {"eos_token_id": as_ends(stops)})


def _write_template(checked: CheckedTemplate | None, part: Path) -> None:
    """The template of the training instead of the base's own, which lacks its words, its instruction and its date."""
    with disk_faults(part):
        shutil.rmtree(part / OTHER_TEMPLATES, ignore_errors=True)
        (part / TEMPLATE).unlink(missing_ok=True)
    if checked is not None:
        write_text(part / TEMPLATE, checked.template.jinja())


def _model(model: ModelSection, held: dict[str, Any]) -> ModelSection:
    return model.model_copy(update=held)


def _measured_precision(run: Run) -> str:
    """The number format in which the run's predictions were made, else that of the recipe."""
    state = read_json(run.folder.state)
    dtype = (state.get("prediction") or {}).get("dtype") or state.get("dtype")
    return PRECISION_OF.get(str(dtype), run.recipe.model.precision)


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
        part.mkdir(exist_ok=True)
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


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _loaded_again(base: LoadedBase, folder: Path, devices: Devices, *, code: bool) -> LoadedBase:
    """The saved model as any program would load it, with transformers alone; `code` that came with it may run."""
    with quiet_libraries():
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=base.dtype, device_map=devices, trust_remote_code=code
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=code)
        return replace(base, model=model.eval(), tokenizer=tokenizer)


def _tokens(encoder: Encoder, records: Sequence[Record]) -> list[list[int]]:
    return [prompt.tokens for prompt in encoder.prompts(records)]


def _against_measured(run: Run, got: Sequence[Prediction]) -> Any:
    path = run.folder.predictions / "tuned.jsonl"
    if not path.is_file():
        return None
    kept = {prediction.id: prediction for prediction in read_predictions(path)}
    pairs = [(kept[prediction.id], prediction) for prediction in got if prediction.id in kept]
    return agreement([a for a, _ in pairs], [b for _, b in pairs]) if pairs else None
