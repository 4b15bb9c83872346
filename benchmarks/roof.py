"""What this machine reaches at best: matrix products at a model's own shapes, memory bandwidth, cost of a call.

Beside the roof stand two things that keep a training on a CPU below it: what a product costs at a shape that was
not seen before, and how long the fused attention kernel takes for short rows against plain products.

    python benchmarks/roof.py benchmarks/models/llama-42m.json 288 bf16

Every other result is held against the best of it: it is measured anew in every round, because the same machine gives
very different figures at different hours when others share it. Its numbers are in the format in which the engine
computes on this device.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from peers.rounds import LONGEST_RUN_S

REPEATS = 15
QUEUED, QUEUED_S = 50, 0.02
"""On a GPU so many calls at most, or calls of about so many seconds, are timed together: to launch one and wait for it
takes longer than a small product."""
LARGE_TOKENS = {"cpu": 1024, "cuda": 8192}
"""A step of so many tokens comes near to the best that the device can do."""
BANDWIDTH_BYTES = 1 << 28
UNGATED = ("opt", "biogpt")
"""Architectures whose MLP has no gate."""


def measure_anew(config: Path, *, tokens: int, precision: str) -> dict[str, Any]:
    """What `measure` finds in a process of its own, where no shape was seen before.

    Raises RuntimeError where that takes longer than any side may.
    """
    command = [sys.executable, __file__, str(config), str(tokens), precision]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LONGEST_RUN_S)
    except subprocess.TimeoutExpired as problem:
        raise RuntimeError(f"the roof was not measured within {LONGEST_RUN_S} s") from problem
    return dict(json.loads(done.stdout))


def measure(config: Path, *, tokens: int, precision: str) -> dict[str, Any]:
    """The roof of a Llama-class model for `tokens` tokens in one pass; `precision` is as in a recipe.

    Each product of a training step with a frozen base is timed alone, forward and towards its input, as often as a
    layer has it; `flops` is the rate of all of them together, in operations a second.
    """
    import torch

    from medadapt.models.device import DTYPES

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    shape = json.loads(config.read_text(encoding="utf-8"))
    made = {"dtype": DTYPES[precision], "device": device}
    products = _products(shape, tokens, made)
    large = LARGE_TOKENS[device.type]
    return {
        "tokens": tokens,
        "precision": precision,
        "flops": _rate(products),
        "products": products,
        "large_tokens": large,
        "large_flops": _rate(_products(shape, large, made)),
        "bandwidth_gb_s": _bandwidth(device),
        "call_us": _call(device),
        "new_shape": _new_shape(shape, tokens, made),
        "attention": _attention(shape, made),
        "threads": torch.get_num_threads(),
    }


def layer_shapes(shape: dict[str, Any]) -> list[tuple[int, int]]:
    """(in, out) widths of the linear layers of one decoder layer.

    >>> layer_shapes({"hidden_size": 8, "intermediate_size": 20, "num_attention_heads": 2, "num_key_value_heads": 1})
    [(8, 8), (8, 4), (8, 4), (8, 8), (8, 20), (8, 20), (20, 8)]
    >>> layer_shapes({"model_type": "opt", "hidden_size": 8, "ffn_dim": 20, "num_attention_heads": 2})
    [(8, 8), (8, 8), (8, 8), (8, 8), (8, 20), (20, 8)]
    """
    hidden, inner = shape["hidden_size"], _inner_width(shape)
    head = shape.get("head_dim") or hidden // shape["num_attention_heads"]
    query = head * shape["num_attention_heads"]
    key = head * shape.get("num_key_value_heads", shape["num_attention_heads"])
    gate = [] if shape.get("model_type") in UNGATED else [(hidden, inner)]
    return [
        (hidden, query), (hidden, key), (hidden, key), (query, hidden), *gate, (hidden, inner), (inner, hidden),
    ]  # fmt: skip


def _inner_width(shape: dict[str, Any]) -> int:
    """Of the MLP, which configurations call by two names."""
    return int(shape.get("ffn_dim") or shape["intermediate_size"])


def _products(shape: dict[str, Any], tokens: int, made: dict[str, Any]) -> list[dict[str, Any]]:
    return [_product(tokens, width_in, width_out, made) for width_in, width_out in layer_shapes(shape)]


def _rate(products: list[dict[str, Any]]) -> float:
    """Operations a second of all of them together."""
    return sum(one["operations"] for one in products) / sum(one["seconds"] for one in products)


def _product(tokens: int, width_in: int, width_out: int, made: dict[str, Any]) -> dict[str, Any]:
    """One layer's product forward and backward, of tensors made like this."""
    import torch

    x, grad = torch.randn(tokens, width_in, **made), torch.randn(tokens, width_out, **made)
    weight = torch.randn(width_out, width_in, **made)
    y, to_x = torch.empty_like(grad), torch.empty_like(x)
    forward = _seconds(lambda: torch.mm(x, weight.T, out=y), made["device"])
    backward = _seconds(lambda: torch.mm(grad, weight, out=to_x), made["device"])
    return {
        "in": width_in,
        "out": width_out,
        "operations": 4 * tokens * width_in * width_out,
        "seconds": forward + backward,
    }


def _new_shape(shape: dict[str, Any], tokens: int, made: dict[str, Any]) -> dict[str, float]:
    """Milliseconds of the MLP's first product at a number of tokens that is new, and when it comes again."""
    import torch

    weight = torch.randn(_inner_width(shape), shape["hidden_size"], **made)
    first, again = [], []
    for more in range(1, REPEATS + 1):
        x = torch.randn(tokens + more, shape["hidden_size"], **made)
        for taken in (first, again, again):
            started = time.perf_counter()
            torch.nn.functional.linear(x, weight)
            if made["device"].type == "cuda":
                torch.cuda.synchronize()
            taken.append(time.perf_counter() - started)
    return {"first_ms": median(first) * 1e3, "again_ms": median(again) * 1e3}


def _attention(shape: dict[str, Any], made: dict[str, Any]) -> list[dict[str, float]]:
    """Forward and backward of 8 rows: the fused kernel's milliseconds and those of plain products."""
    return [
        {
            "tokens": length,
            "fused_ms": _attention_ms(shape, length, made, written_out=False),
            "plain_ms": _attention_ms(shape, length, made, written_out=True),
        }
        for length in (40, 128, 256, 384)
    ]


def _attention_ms(shape: dict[str, Any], length: int, made: dict[str, Any], *, written_out: bool) -> float:
    import torch

    from medadapt.models.packed.attention import attend_rows, attend_rows_backward
    from medadapt.models.packed.heads import Heads

    number = shape["num_attention_heads"]
    width = shape.get("head_dim") or shape["hidden_size"] // number
    heads = Heads(query=number, key=number, width=width, scale=width**-0.5)
    q, k, v, grad = (torch.randn(8 * number, length, width, **made) for _ in range(4))

    def both() -> None:
        attend_rows_backward(grad, attend_rows(q, k, v, heads, written_out=written_out), heads)

    return _seconds(both, made["device"]) * 1e3


def _bandwidth(device: Any) -> float:
    import torch

    source = torch.empty(BANDWIDTH_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * BANDWIDTH_BYTES / _seconds(lambda: target.copy_(source), device) / 1e9


def _call(device: Any) -> float:
    """Microseconds of one call on a tensor so small that nothing else counts."""
    import torch

    one = torch.zeros(8, device=device)

    def many() -> None:
        for _ in range(1000):
            one.add_(1)

    return _seconds(many, device) * 1e3


def _seconds(work: Callable[[], Any], device: Any) -> float:
    """Median of some repeats, after three that find kernels and memory."""
    if device.type == "cuda":
        return _seconds_on_gpu(work)
    taken = []
    for number in range(REPEATS + 3):
        started = time.perf_counter()
        work()
        if number >= 3:
            taken.append(time.perf_counter() - started)
    return median(taken)


def _seconds_on_gpu(work: Callable[[], Any]) -> float:
    """The same where the device works off a queue by itself."""
    import torch

    def of_each(calls: int) -> float:
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record()
        for _ in range(calls):
            work()
        ended.record()
        ended.synchronize()
        return float(began.elapsed_time(ended)) / 1e3 / calls

    for _ in range(3):
        work()
    calls = max(1, min(QUEUED, int(QUEUED_S / of_each(1))))
    return median(of_each(calls) for _ in range(REPEATS))


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), tokens=int(sys.argv[2]), precision=sys.argv[3]), indent=1))
