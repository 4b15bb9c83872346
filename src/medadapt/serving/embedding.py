"""A local sentence-embedding model as what an index needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medadapt.core.errors import DataError
from medadapt.core.home_folder import in_home
from medadapt.predictions.batching import TokenBudget
from medadapt.predictions.embedding_layout import read_layout
from medadapt.predictions.settings import BATCH_TOKENS
from medadapt.predictions.similarity import embed, load_embedding_model
from medadapt.retrieval.meanings import Embed, EmbeddedBy


def embedder(folder: Path) -> tuple[Embed, EmbeddedBy]:
    """What makes vectors, on the CPU. Raises ModelError where the folder holds no such model."""
    model = load_embedding_model(folder, device=torch.device("cpu"), named_as="--embedding")
    budget = TokenBudget(BATCH_TOKENS["cpu"])

    def made(texts: Sequence[str]) -> NDArray[np.float32]:
        return embed(model, texts, budget=budget, advance=lambda _: None).numpy()

    return made, EmbeddedBy(folder=str(in_home(folder).resolve()), sha256=model.layout.sha256)


def embedder_again(by: EmbeddedBy) -> Embed:
    """The model that made an index. Raises ModelError where it is gone, DataError where it is another one now."""
    folder = Path(by.folder)
    if read_layout(folder, named_as="The index's embedding model").sha256 != by.sha256:
        raise DataError(
            f"{folder} holds another embedding model than the one that made the index.",
            "the same model: vectors of two models cannot be compared",
            "Make the index again with `medadapt index ... --embedding DIR --replace`.",
        )
    return embedder(folder)[0]
