"""An index on the disk: passages, the words in them, and where they come from.

DIR/
  index.json      what it was made of, with hashes
  passages.jsonl  one passage a line
  words/          BM25 over them
  vectors.npy     with an embedding model: their meanings
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medadapt.core.errors import DataError, RunFolderError
from medadapt.core.files import disk_faults, read_json, read_jsonl, write_json, write_jsonl
from medadapt.core.hashes import sha256_file
from medadapt.core.home_folder import in_home
from medadapt.core.shell_command import command
from medadapt.core.whole_folder import whole_folder
from medadapt.retrieval.fusion import fused
from medadapt.retrieval.meanings import Embed, EmbeddedBy, MeaningSearch
from medadapt.retrieval.passages import Passage
from medadapt.retrieval.words import WordSearch

FACTS, PASSAGES, WORDS, VECTORS = "index.json", "passages.jsonl", "words", "vectors.npy"
SCHEMA = 1
DEEP = 50
"""Places of each ranking that are looked at where two become one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What an index was made of."""

    kind: str
    """`run`: the training records of a run; `files`: files that somebody named."""
    name: str
    sha256: dict[str, str]
    """Of each file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A passage that may help."""

    passage: Passage
    score: float
    """By words, or by words and meaning together; it compares passages of one search only."""


class PassageIndex:
    """Passages that can be searched by their words and, with vectors, by their meaning as well."""

    def __init__(
        self,
        passages: Sequence[Passage],
        words: WordSearch,
        origin: Origin,
        meanings: MeaningSearch | None = None,
    ) -> None:
        self._passages, self._words, self._meanings = passages, words, meanings
        self.origin = origin

    @classmethod
    def of(
        cls, passages: Sequence[Passage], origin: Origin, embedder: tuple[Embed, EmbeddedBy] | None = None
    ) -> PassageIndex:
        """An index in memory. Raises DataError where no passage has a word that can be searched for."""
        texts = [passage.whole for passage in passages]
        meanings = None if embedder is None else MeaningSearch.of(texts, *embedder)
        return cls(passages, WordSearch.of(texts), origin, meanings)

    def search(self, question: str, count: int) -> list[Found]:
        """The passages that fit a question best, the best first; by words alone fewer, where fewer share any."""
        found = self._words.best(question, count if self._meanings is None else DEEP)
        if self._meanings is not None:
            near = self._meanings.best(question, DEEP)
            found = fused([[number for number, _ in ranking] for ranking in (found, near)], count)
        return [Found(passage=self._passages[number], score=score) for number, score in found]

    def save(self, folder: Path) -> None:
        """Write it into an empty folder."""
        self._words.save(folder / WORDS)
        write_jsonl(folder / PASSAGES, (asdict(passage) for passage in self._passages))
        facts: dict[str, Any] = {"schema": SCHEMA, "passages": len(self), "origin": asdict(self.origin)}
        if self._meanings is not None:
            np.save(folder / VECTORS, self._meanings.vectors_NH, allow_pickle=False)
            facts["embedding"] = asdict(self._meanings.by)
        write_json(folder / FACTS, facts)

    def __iter__(self) -> Iterator[Passage]:
        return iter(self._passages)

    def __len__(self) -> int:
        return len(self._passages)


def load_index(folder: Path, embedder_of: Callable[[EmbeddedBy], Embed]) -> PassageIndex:
    """The index in a folder; where it has vectors, `embedder_of` gives what makes a question's.

    Raises DataError where there is no index, or it is damaged.
    """
    origin, count, by = _facts(folder)
    try:
        passages = [Passage(**row) for row in read_jsonl(folder / PASSAGES)]
    except TypeError as problem:
        raise _damaged(folder, f"{PASSAGES} holds something else: {problem}") from problem
    except DataError as problem:
        raise _damaged(folder, problem.problem.removesuffix(".")) from problem
    if len(passages) != count:
        raise _damaged(folder, f"{len(passages)} passages instead of {count}")
    try:
        words = WordSearch.load(folder / WORDS)
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise _damaged(folder, f"its words cannot be read: {problem}") from problem
    return PassageIndex(
        passages, words, origin, None if by is None else _meanings(folder, by, count, embedder_of(by))
    )


def _meanings(folder: Path, by: EmbeddedBy, count: int, embed: Embed) -> MeaningSearch:
    try:
        vectors_NH = np.load(folder / VECTORS, allow_pickle=False)
    except (OSError, ValueError) as problem:
        raise _damaged(folder, f"its vectors cannot be read: {problem}") from problem
    if vectors_NH.dtype != np.float32 or vectors_NH.ndim != 2 or len(vectors_NH) != count:
        raise _damaged(folder, f"{vectors_NH.dtype} vectors of shape {vectors_NH.shape}")
    return MeaningSearch(vectors_NH, embed, by)


def save_index(index: PassageIndex, folder: Path, *, replace: bool = False) -> None:
    """Write an index; the folder appears whole or not at all.

    Raises RunFolderError where something else is there, RunBusyError where another process writes there.
    """
    folder = in_home(folder).resolve()
    if _has_unreadable_facts(folder):
        raise RunFolderError(
            f"{folder} is there already, and no index that can be told as one: its {FACTS} cannot be read.",
            "a new or empty folder, or an index",
            "Choose another folder with -o; if this one was an index, delete it first.",
        )
    with (
        whole_folder(folder, "index", is_ours=_is_index, replace=replace) as part,
        disk_faults(folder),
    ):
        index.save(part)


def _is_index(folder: Path) -> bool:
    """Whether a folder holds an index, of whatever schema; many a folder of others has a file of that name.

    What it says of itself tells: one that has lost its words or passages is an index that can be made again.
    """
    try:
        return _tells_of_an_index(read_json(folder / FACTS))
    except (OSError, DataError):
        return False


def _tells_of_an_index(facts: Any) -> bool:
    known = isinstance(facts, dict) and facts.keys() >= {"schema", "passages", "origin"}
    return known and isinstance(facts["origin"], dict) and "kind" in facts["origin"]


def _has_unreadable_facts(folder: Path) -> bool:
    try:
        read_json(folder / FACTS)
    except OSError:
        return False
    except DataError:
        return True
    return False


def check_origin(index: PassageIndex, folder: Path, records: Path) -> None:
    """Raise DataError where the index in `folder` does not belong beside the training records of a run.

    It was made of other training records, or of the records that the run is measured on.
    """
    if index.origin.kind != "run":
        made_of = set(index.origin.sha256.values())
        for other in (records.with_name(f"{split}.jsonl") for split in ("validation", "test")):
            if other.is_file() and sha256_file(other) in made_of:
                raise DataError(
                    f"{folder} was made of {other.name}, on which this run is measured.",
                    "an index of training records, or of other files",
                    f"Make it again: {command('index', records.parent.parent, '-o', folder, '--replace')}",
                )
        return
    if index.origin.sha256.get(records.name) != sha256_file(records):
        raise DataError(
            f"{folder} was made of other training records than this run has.",
            "an index of this run, or of files",
            f"Make it again: {command('index', records.parent.parent, '--replace')}",
        )


def _facts(folder: Path) -> tuple[Origin, int, EmbeddedBy | None]:
    path = folder / FACTS
    if not path.is_file():
        raise _no_index(folder, f"it has no {FACTS}")
    try:
        values: Any = read_json(path)
    except DataError as problem:
        again = f"Delete {folder} first, then make it again with `medadapt index`."
        raise _damaged(folder, f"{FACTS} cannot be read", remedy=again) from problem
    if not _tells_of_an_index(values):
        raise _no_index(folder, f"its {FACTS} tells of something else")
    try:
        if values["schema"] != SCHEMA:
            raise ValueError(f"schema {values['schema']}")
        by = values.get("embedding")
        return Origin(**values["origin"]), int(values["passages"]), None if by is None else EmbeddedBy(**by)
    except (KeyError, TypeError, ValueError) as problem:
        raise _damaged(folder, str(problem)) from problem


def _no_index(folder: Path, why: str) -> DataError:
    return DataError(
        f"{folder} is no index: {why}.", "a folder that `medadapt index` made", "Correct the path."
    )


def _damaged(
    folder: Path, how: str, *, remedy: str = "Make it again with `medadapt index` and --replace."
) -> DataError:
    return DataError(f"The index {folder} cannot be used ({how}).", f"an index of schema {SCHEMA}", remedy)
