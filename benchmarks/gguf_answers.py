"""A run as a GGUF file, made by llama.cpp's own converter and asked through llama.cpp: 20 test questions in fp32.

The base is a small Llama with random weights and the real tokenizer of GPT-2, which the converter knows; the sample
base's it does not know, and of one in the style of Llama 2 it needs a `tokenizer.model`. llama.cpp comes from the
sources of llama-cpp-python, which are built in an environment of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peers.environments import Environment, make

PACKAGE = "llama-cpp-python==0.3.36"
ENVIRONMENT = Environment(packages=(PACKAGE,), check="import llama_cpp", told=("llama_cpp_python",))
QUESTIONS = 20
ASK = """
import json, sys
from llama_cpp import Llama
asked = json.load(sys.stdin)
model = Llama(asked["file"], n_ctx=512, n_threads=1, verbose=False)
for question in asked["questions"]:
    answer = model.create_chat_completion(
        [{"role": "user", "content": question}], temperature=0, max_tokens=asked["most"]
    )
    print(json.dumps(answer["choices"][0]["message"]["content"]))
"""


def measure(data: Path, folder: Path) -> dict[str, Any]:
    """How many answers llama.cpp gives as the run's own evaluation did."""
    from medadapt.serving.command_targets import find_target

    llama = make(Path(__file__).parent / ".environments" / "llama_cpp", ENVIRONMENT)
    run, exported = folder / "qa", folder / "gguf"
    _write_base(data / "tokenizers" / "gpt2", folder / "base")
    _medadapt("run", "demo-qa", "--set", f"model.base={folder / 'base'}", "--set", "model.precision=fp32",
              "--set", "training.epochs=4", "-o", str(run))  # fmt: skip
    _medadapt("export", str(run), "--to", "gguf", "-o", str(exported), LLAMA_CPP=str(_sources(folder)))
    wanted = {row["id"]: row["text"] for row in _rows(run / "4-predictions" / "tuned.jsonl")}
    records = _rows(run / "1-records" / "test.jsonl")[:QUESTIONS]
    asking = find_target(str(run)).asking
    assert asking is not None
    asked = {
        "file": str(exported / "model.gguf"),
        "questions": [record["question"] for record in records],
        "most": asking.max_new_tokens,
    }
    done = subprocess.run(
        [llama["python"], "-c", ASK], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    texts = [json.loads(line).strip() for line in done.stdout.splitlines()]
    return {
        "llama_cpp": llama["versions"],
        "verified": json.loads((exported / "export.json").read_text(encoding="utf-8"))["verified"],
        "questions": len(records),
        "different_texts": len(set(texts)),
        "same": sum(
            text == wanted[record["id"]].strip() for text, record in zip(texts, records, strict=True)
        ),
        "others": [
            {"question": record["question"], "run": wanted[record["id"]], "llama_cpp": text}
            for text, record in zip(texts, records, strict=True)
            if text != wanted[record["id"]].strip()
        ],
    }


def section(found: dict[str, Any]) -> Iterator[str]:
    """The part of the results page, as Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in found["llama_cpp"].items())
    held = "holds what the model has" if found["verified"] else "is refused as not what the model is"
    yield "### A GGUF file, asked through llama.cpp\n"
    yield (
        "`medadapt export --to gguf` with llama.cpp's converter, of a run on a small Llama with the tokenizer of "
        f"GPT-2, in fp32; the file {held} (weights, closing token, chat template, scores of the tokenizer). {versions} "
        f"answers {found['same']} of {found['questions']} test questions with the text of the run's own predictions, "
        f"{found['different_texts']} different texts.\n"
    )


def _write_base(tokenizer: Path, folder: Path) -> None:
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    words = AutoTokenizer.from_pretrained(tokenizer)
    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=len(words), hidden_size=128, intermediate_size=256, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(shape).save_pretrained(folder)
    words.save_pretrained(folder)


def _sources(folder: Path) -> Path:
    """llama.cpp as llama-cpp-python ships it."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
         "--no-binary", "llama-cpp-python", PACKAGE, "-d", str(folder)],
        check=True, capture_output=True,
    )  # fmt: skip
    (archive,) = folder.glob("llama_cpp_python-*.tar.gz")
    with tarfile.open(archive) as sources:
        sources.extractall(folder / "sources", filter="data")
    (converter,) = (folder / "sources").glob("*/vendor/llama.cpp/convert_hf_to_gguf.py")
    return converter.parent


def _medadapt(*arguments: str, **variables: str) -> None:
    command = [sys.executable, "-m", "medadapt", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | variables)
    if done.returncode not in (0, 3):  # 3: the file is not what the model is, which the result says
        raise RuntimeError(f"{command} left with {done.returncode}: {done.stderr[-2000:]}")


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
