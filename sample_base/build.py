"""Make the sample base model: reading, tokenizer, training, and the folder that the package carries.

    python sample_base/build.py                  the whole build, into src/medadapt/samples/base
    python sample_base/build.py --steps 200 -o DIR   a short one, to try it

Needs this repository and a C++ compiler, which torch.compile calls. Everything is a function of the seed; on
another machine or thread count the weights differ in their last bits.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from card import model_card  # noqa: E402
from pretraining import FAST_BF16, Plan, new_model, train  # noqa: E402
from reading.corpus import documents  # noqa: E402
from tokenizer import learn_tokenizer  # noqa: E402

BASE = HERE.parent / "src" / "medadapt" / "samples" / "base"
TEXTS_FOR_TOKENIZER = 40_000
HELD_OUT = 3_000
SHARD = 25_000
"""Documents that one process writes."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=BASE)
    parser.add_argument("--steps", type=int, default=Plan().steps)
    parser.add_argument("--hidden", type=int, default=Plan().hidden)
    parser.add_argument("--layers", type=int, default=Plan().layers)
    parser.add_argument("--feed-forward", type=int, default=Plan().feed_forward)
    parser.add_argument("--shards", type=int, default=6, help=f"of {SHARD} documents each")
    asked = parser.parse_args()
    plan = replace(
        Plan(), steps=asked.steps, hidden=asked.hidden, layers=asked.layers, feed_forward=asked.feed_forward
    )
    started = time.perf_counter()
    with Pool() as pool:
        shards = pool.map(_shard, range(plan.seed, plan.seed + asked.shards))
    texts = [text for shard in shards for text in shard]
    tokenizer = learn_tokenizer(texts[:TEXTS_FOR_TOKENIZER], context_length=plan.context_length)
    tokens = _tokens(tokenizer, texts)
    held_out_texts = list(islice(documents("held out"), HELD_OUT))
    held_out = _tokens(tokenizer, held_out_texts)
    bytes_of_token = sum(len(text.encode()) for text in held_out_texts) / len(held_out)
    _say(f"{len(texts)} documents, {len(tokens)} tokens, {bytes_of_token:.2f} bytes a token, "
          f"{time.perf_counter() - started:.0f} s")  # fmt: skip
    special = {
        "opening": tokenizer.bos_token_id,
        "closing": tokenizer.eos_token_id,
        "padding": tokenizer.pad_token_id,
    }
    model = new_model(plan, vocabulary=len(tokenizer), special=special)
    # Beside the old one until all is there: a build that was stopped leaves no mixture.
    folder = asked.output.with_name(f".{asked.output.name}-being-built")
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "training_log.jsonl"
    with log.open("w", encoding="utf-8") as file:
        for line in train(model, tokens, held_out, plan):
            line["held_out_bits_per_byte"] = round(line["held_out_loss"] / math.log(2) / bytes_of_token, 4)
            file.write(json.dumps(line) + "\n")
            file.flush()
            _say(str(line))
    model.config.use_cache = True
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    parameters = sum(p.numel() for p in model.parameters())
    about = {
        "plan": asdict(plan), "documents": len(texts), "tokens": len(tokens), "parameters": parameters,
        "bytes_per_token": round(bytes_of_token, 3), "torch": torch.__version__,
        "threads": torch.get_num_threads(), "bf16": FAST_BF16, "seconds": round(time.perf_counter() - started),
    }  # fmt: skip
    (folder / "build.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(model_card(about, line), encoding="utf-8")
    asked.output.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.replace(asked.output / file.name)
    folder.rmdir()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _shard(seed: int) -> list[str]:
    return list(islice(documents(seed), SHARD))


def _tokens(tokenizer: object, texts: list[str]) -> torch.Tensor:
    """All texts one after the other, each between the opening and the closing token."""

    def pieces() -> Iterator[np.ndarray]:
        for start in range(0, len(texts), 10_000):
            for ids in tokenizer(texts[start : start + 10_000])["input_ids"]:  # type: ignore[operator]
                yield np.asarray([*ids, tokenizer.eos_token_id], dtype=np.int16)  # type: ignore[attr-defined]

    return torch.from_numpy(np.concatenate(list(pieces())))


if __name__ == "__main__":
    main()
