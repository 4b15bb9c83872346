"""How near written answers come to their references in the eyes of a sentence-embedding model.

Each text becomes one vector: the mean of its tokens' last hidden states, or the state of its first token,
whichever the model was trained for (Reimers and Gurevych, 2019). The similarity is the cosine of two vectors. It
tells likeness of topic and wording; a missing `not` or another dose changes it little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from medadapt.core.errors import ModelError
from medadapt.core.progress import Progress
from medadapt.core.results import Prediction
from medadapt.models.quiet import quiet_libraries
from medadapt.predictions.batching import TokenBudget, answering, in_batches, right_padded
from medadapt.predictions.embedding_layout import EXPECTED, OTHER, SETTING, EmbeddingLayout, read_layout

DIGITS = 6
"""Decimals kept of a cosine: what does not depend on how texts are batched."""
MOST_TOKENS = 512
"""Length of text where neither the model nor its tokenizer names one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingModel:
    """A loaded sentence-embedding model."""

    model: nn.Module
    tokenizer: Any
    layout: EmbeddingLayout
    max_tokens: int
    """Longer texts are cut at their end."""
    device: torch.device

    @property
    def description(self) -> str:
        """What the figures depend on, for `signatures` in metrics.json."""
        layout = self.layout
        return (
            f"cosine|model:{layout.folder.name}|sha256:{layout.sha256[:12]}"
            f"|pooling:{layout.pooling}|max_tokens:{self.max_tokens}"
        )


def load_embedding_model(folder: Path, *, device: torch.device, named_as: str = SETTING) -> EmbeddingModel:
    """The model of a folder in fp32. Raises ModelError where it cannot be loaded or lacks weights."""
    layout = read_layout(folder, named_as=named_as)
    try:
        with quiet_libraries():
            tokenizer = AutoTokenizer.from_pretrained(
                layout.folder, local_files_only=True, trust_remote_code=False
            )
            model, loading = AutoModel.from_pretrained(
                layout.folder,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
    except (OSError, ValueError) as problem:
        raise ModelError(f"{layout.folder} cannot be loaded: {problem}", EXPECTED, OTHER) from problem
    # The pooler on top of BERT is not used; a file that lacks it is complete for us.
    if missing := sorted(name for name in loading["missing_keys"] if not name.startswith("pooler.")):
        raise ModelError(
            f"{layout.folder} lacks weights of its model: {', '.join(missing[:3])} ...", EXPECTED, OTHER
        )
    return EmbeddingModel(
        model=model.to(device).eval(),
        tokenizer=tokenizer,
        layout=layout,
        max_tokens=_max_tokens(layout, tokenizer, model.config),
        device=device,
    )


def add_similarities(
    model: EmbeddingModel,
    references: Sequence[str],
    *predictions: Sequence[Prediction],
    batch_tokens: int,
    progress: Progress,
) -> list[list[Prediction]]:
    """Each model's predictions with their `similarity` to the references, in the order given."""
    answers = [[prediction.text or "" for prediction in rows] for rows in predictions]
    texts = [*references, *(text for rows in answers for text in rows)]
    progress.start("similarity of the written answers", len(texts))
    vectors_NH = embed(model, texts, budget=TokenBudget(batch_tokens), advance=progress.advance)
    progress.finish()
    wanted_RH, *written = vectors_NH.split(len(references))
    found = []
    for rows, own, written_RH in zip(predictions, answers, written, strict=True):
        cosines = (written_RH * wanted_RH).sum(-1).clamp(-1, 1).tolist()
        found.append(
            [
                replace(row, similarity=round(cosine, DIGITS) if text.strip() else 0.0)
                for row, text, cosine in zip(rows, own, cosines, strict=True)
            ]
        )
    return found


def embed(
    model: EmbeddingModel, texts: Sequence[str], *, budget: TokenBudget, advance: Callable[[int], None]
) -> Tensor:
    """Texts as vectors of length 1 in fp32 on the CPU: (N, H). A text without any token is the zero vector."""
    asked = [text.lower() for text in texts] if model.layout.lower_case else list(texts)
    rows = model.tokenizer(asked, truncation=True, max_length=model.max_tokens)["input_ids"]
    found: list[Tensor] = [torch.empty(0)] * len(rows)

    def work(batch: list[int]) -> None:
        vectors_BH = _pooled(model, [rows[place] for place in batch])
        for place, vector_H in zip(batch, vectors_BH.cpu(), strict=True):
            found[place] = vector_H

    with answering(model.model):
        in_batches([len(row) for row in rows], budget, work, advance)
    vectors_NH = torch.stack(found)
    if not vectors_NH.isfinite().all():
        raise ModelError(f"{model.layout.folder} gives vectors that are not finite.", "finite numbers", OTHER)
    return vectors_NH


def _pooled(model: EmbeddingModel, rows: Sequence[list[int]]) -> Tensor:
    """Unit vectors (B, H) of rows of tokens."""
    lengths_B = torch.tensor([len(row) for row in rows], device=model.device)
    tokens_BT = right_padded([row or [0] for row in rows], model.device)
    mask_BT = (torch.arange(tokens_BT.shape[1], device=model.device) < lengths_B[:, None]).long()
    # Masked tokens are read by nobody, so any padding will do.
    states_BTH = model.model(input_ids=tokens_BT, attention_mask=mask_BT).last_hidden_state.float()
    if model.layout.pooling == "cls":
        vectors_BH = states_BTH[:, 0]
    else:
        vectors_BH = (states_BTH * mask_BT[:, :, None]).sum(1) / lengths_B.clamp(min=1)[:, None]
    vectors_BH = vectors_BH.where(lengths_B[:, None] > 0, 0.0)  # attention over nothing is no number
    return nn.functional.normalize(vectors_BH, dim=-1)


def _max_tokens(layout: EmbeddingLayout, tokenizer: Any, config: Any) -> int:
    """Most tokens of a text: what the model was made for, and never more than it has positions for."""
    places = getattr(config, "max_position_embeddings", None)
    if places and config.model_type in {"roberta", "xlm-roberta", "camembert", "mpnet"}:
        places -= config.pad_token_id + 1  # their positions count from behind the padding's number
    known = [layout.max_tokens, tokenizer.model_max_length, places]
    return min([limit for limit in known if limit and 0 < limit < 1_000_000], default=MOST_TOKENS)
