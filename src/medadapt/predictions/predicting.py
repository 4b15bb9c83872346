"""Records + models -> Predictions: every set of questions, asked of the baseline and then of the tuned model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from medadapt.core.files import write_jsonl
from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe
from medadapt.core.records import SPLITS, read_records
from medadapt.core.results import MODEL_NAMES, Prediction
from medadapt.examples.encoding import load_encoder
from medadapt.models.adapter import load_adapter
from medadapt.models.loading import LoadedBase
from medadapt.models.lora import lora_layers
from medadapt.models.merging import merge_where_exact
from medadapt.predictions.asking import answer
from medadapt.predictions.general import predict_general
from medadapt.predictions.settings import prediction_settings
from medadapt.predictions.similarity import add_similarities, load_embedding_model
from medadapt.predictions.unconditional import Unconditional
from medadapt.predictions.ways_of_asking import Ground, Splits, ways_of_asking
from medadapt.samples.general_text import general_passages


def predict_both(
    recipe: Recipe,
    *,
    records: Path,
    examples: Path,
    base: LoadedBase,
    adapter: Path,
    folder: Path,
    progress: Progress,
    ground: Ground | None = None,
) -> dict[str, Any]:
    """Records -> `baseline.jsonl` and `tuned.jsonl` in `folder`: same test records, prompts and code.

    Beside them lie the further sets of `ways_of_asking`, one file each: closed validation questions, the controls
    that a model answers, rotated options and the other way to score them, and with `ground`, which puts passages into
    prompts, the test questions with passages.

    `records`, `examples` and `adapter` are the folders of the stages before; `base` must not carry an adapter yet.
    Afterwards it carries this one, or has it in its weights where that is exact: it is of no use as a base any more.
    Returns what run.json keeps: n, method, batch_tokens, `merged`, truncated (test records), the seconds of each
    file, `few_shot`, and `embedding`, the embedding model where the recipe names one.
    """
    if any(lora_layers(base.model)):
        raise ValueError("the baseline must be measured without an adapter, but the base carries one")
    encoder = load_encoder(examples, base.tokenizer)
    splits = Splits(**{name: list(read_records(records / f"{name}.jsonl")) for name in SPLITS})
    settings = prediction_settings(recipe, device_type=base.device.type)
    sets, kept = ways_of_asking(recipe, encoder, splits, ground)
    passages = general_passages() if recipe.evaluation.forgetting == "auto" else ()
    named = recipe.evaluation.embedding_model
    written: dict[str, list[Prediction]] = {}
    seconds: dict[str, float] = {}
    model, merged = base, False
    for name in MODEL_NAMES:
        if name == "tuned":
            model = load_adapter(base, adapter)
            # Nobody asks the base any more; its layers read an input once instead of three times.
            merged = merge_where_exact(model)
        unconditional = Unconditional(model, encoder)
        for asked in sets:
            if name not in asked.models:
                continue
            started = time.monotonic()
            stem = asked.stem(name)
            rows = answer(
                model, encoder, asked, name=name, settings=settings, unconditional=unconditional, progress=progress
            )  # fmt: skip
            write_jsonl(folder / f"{stem}.jsonl", rows)
            # Memory does not hold the scores of every label of every set: only written answers are needed again.
            if named is not None and all(row.text is not None for row in rows):
                written[stem] = rows
            seconds[stem] = round(time.monotonic() - started, 3)
        if passages:
            rows = predict_general(
                model, passages, name=name, batch_tokens=settings.batch_tokens, progress=progress
            )
            write_jsonl(folder / f"general.{name}.jsonl", rows)
    embedding = None
    if named is not None:
        embedding = load_embedding_model(Path(named), device=base.device)
        references = [record.answer for record in splits.test]
        compared = add_similarities(
            embedding, references, *written.values(), batch_tokens=settings.batch_tokens, progress=progress
        )
        for stem, rows in zip(written, compared, strict=True):
            write_jsonl(folder / f"{stem}.jsonl", rows)
    return {
        "n": len(splits.test),
        "method": settings.method,
        "batch_tokens": settings.batch_tokens,
        "merged": merged,
        "truncated": sum(question.truncated for question in sets[0].questions),
        "seconds": seconds,
        "embedding": embedding.description if embedding else None,
        **kept,
    }
