"""Raw rows -> records -> token sets, as commands, at growing numbers of rows: seconds, memory and how they grow.

    python benchmarks/data_path.py          10,000, 30,000 and 100,000 rows; a line of JSON
    python benchmarks/data_path.py --large  and 1,000,000 rows

The rows are questions and answers around the generated messages of `near_duplicates.py`; besides its near copies,
one row in twenty is an earlier one again. That is hard for the search for near copies: the messages are put
together from a few hundred phrases, so that every text shares much with very many others.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from near_duplicates import COMPLAINTS, SEED, messages
from timing import timed

SIZES = (10_000, 30_000, 100_000)
WITH_LARGE = (*SIZES, 1_000_000)
COPIES = 0.05
"""Share of rows that repeat an earlier one, question and answer."""
ADVICE = ("rest and drink enough", "see a doctor this week", "keep a diary of it", "go to hospital today")
STAGES = ("prepare", "encode")


def measure(sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """For each number of rows what `prepare` and `encode` take, and the exponents with which both grow.

    Each command runs in a process of its own, on one thread.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = {str(size): _measured(size, Path(folder)) for size in sizes}
    return {"sizes": found, "exponents": {stage: _exponents(found, stage) for stage in STAGES}}


def section(found: dict[str, Any]) -> list[str]:
    """The part of the results page, as lines of Markdown."""
    lines = [
        "### The data path\n",
        "`medadapt prepare` (read, clean, de-duplicate, group near copies, split, measure leakage) and "
        "`medadapt encode` on generated questions and answers, 5 % of them copies and 20 % near copies; one "
        "process and one thread each, the start of the process included. Memory leaves out mapped files.\n",
        "| rows | records | prepare, s | prepare, MB | encode, s | encode, MB | together, s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for size, run in found["sizes"].items():
        stages = [run[stage] for stage in STAGES]
        cells = [value for stage in stages for value in (f"{stage['seconds']:.0f}", _memory(stage))]
        together = sum(stage["seconds"] for stage in stages)
        lines.append(f"| {' | '.join([size, str(run['records']), *map(str, cells), f'{together:.0f}'])} |")
    lines.append(
        "\nGrowth from one size to the next, as the exponent of the number of rows (1: in proportion):\n"
    )
    lines += ["| from | to | prepare, time | prepare, memory | encode, time | encode, memory |"]
    lines += ["| --- | --- | --- | --- | --- | --- |"]
    for prepare, encode in zip(*(found["exponents"][stage] for stage in STAGES), strict=True):
        powers = [f"{each[key]:.2f}" for each in (prepare, encode) for key in ("time", "memory")]
        lines.append(f"| {prepare['from']} | {prepare['to']} | {' | '.join(powers)} |")
    return [*lines, ""]


def write_rows(count: int, file: Path) -> None:
    """Generated questions with answers, one JSON object a line; the same for the same count."""
    rng = random.Random(SEED)
    kept: list[str] = []
    with file.open("w", encoding="utf-8") as lines:
        for message in messages(count):
            if kept and rng.random() < COPIES:
                line = rng.choice(kept)
            else:
                answer = f"For {rng.choice(COMPLAINTS)} you should {rng.choice(ADVICE)}."
                line = json.dumps({"instruction": "", "input": message, "output": answer})
            kept.append(line)
            lines.write(line + "\n")


def _measured(size: int, folder: Path) -> dict[str, Any]:
    source, recipe, run = folder / f"{size}.jsonl", folder / f"{size}.yaml", folder / f"run-{size}"
    write_rows(size, source)
    values = {
        "name": f"rows-{size}",
        "data": {"format": "question_answer", "source": str(source)},
        "model": {"base": "sample:base"},
    }
    recipe.write_text(yaml.safe_dump(values), encoding="utf-8")
    prepare = timed(["prepare", str(recipe), "-o", str(run)], threads=1)
    encode = timed(["encode", str(run)], threads=1)
    counts = json.loads((run / "1-records" / "data.json").read_text(encoding="utf-8"))["counts"]
    records = sum(counts[name] for name in ("train", "validation", "test"))
    return {"prepare": prepare, "encode": encode, "records": records, "dropped": counts["dropped"]}


def _exponents(found: dict[str, Any], stage: str) -> list[dict[str, Any]]:
    """The slope between each size and the next where both axes are logarithms."""
    sizes = list(found)
    steps = []
    for small, large in pairwise(sizes):
        one, other = found[small][stage], found[large][stage]
        rows = math.log(int(large) / int(small))
        steps.append({
            "from": int(small),
            "to": int(large),
            "time": round(math.log(other["seconds"] / one["seconds"]) / rows, 2),
            "memory": round(math.log(_memory(other) / _memory(one)) / rows, 2),
        })  # fmt: skip
    return steps


def _memory(measured: dict[str, Any]) -> int:
    """MB without mapped files where the system tells them apart."""
    return int(measured["peak_anonymous_mb"] or measured["peak_rss_mb"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", action="store_true", help="also a million rows")
    measured = measure(WITH_LARGE if parser.parse_args().large else SIZES)
    print(json.dumps(measured))
    print("\n".join(section(measured)), file=sys.stderr)
