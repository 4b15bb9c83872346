"""Everything that a folder of samples holds: the five files and their data card."""

from __future__ import annotations

from medadapt.samples.generating.card import data_card
from medadapt.samples.generating.files import SampleFile, sample_files
from medadapt.samples.knowledge import load_conditions

CARD_FILE = "README.md"


def sample_contents(seed: int) -> dict[str, bytes]:
    """Place in the folder -> content, for the samples of a seed; the same bytes on every machine."""
    conditions = load_conditions()
    files: list[SampleFile] = sample_files(conditions, seed)
    card = data_card(files, seed=seed, num_conditions=len(conditions))
    return {**{file.path: file.content for file in files}, CARD_FILE: card.encode("utf-8")}
