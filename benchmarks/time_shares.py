"""Where the time of some work goes, as shares of its seconds, from torch's profiler.

Only the calling thread is looked at: what it waits for, other threads compute. The rest is the interpreter. Of a GPU
the thread sees no more than launches, so there nothing is told.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

KINDS = {
    "matrix products": {"mm", "addmm", "bmm", "baddbmm", "mkldnn_linear", "addmv", "mv", "dot"},
    "attention kernel": {
        "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention_for_cpu_backward",
        "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention",
    },
    "softmax and loss": {
        "_softmax", "_softmax_backward_data", "_log_softmax", "_log_softmax_backward_data", "logsumexp", "exp_",
        "exp", "nll_loss_forward", "nll_loss_backward",
    },
    "copies": {
        "copy_", "cat", "index", "index_select", "gather", "index_add_", "index_put_", "_index_put_impl_", "clone",
        "_foreach_copy_", "fill_", "zero_", "masked_fill_", "stack",
    },
    "random numbers": {"random_", "bernoulli_", "uniform_", "rand", "randint"},
    "optimiser": {"_fused_adamw_", "_fused_adam_", "_foreach_add_", "_foreach_mul_", "_foreach_norm"},
}  # fmt: skip
"""What a share is called, and the operations in it. Every other operation of torch counts as elementwise."""
ELEMENTWISE, REST = "elementwise and sums", "outside torch's operations"


def time_shares(work: Callable[[], Any]) -> dict[str, float]:
    """Shares of the seconds that `work` takes, the largest first; they add up to 1. On a GPU there are none."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    if torch.cuda.is_available():
        return {}
    with profile(activities=[ProfilerActivity.CPU]) as watched:
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
    taken: Counter[str] = Counter()
    for row in watched.key_averages():
        if row.key.startswith("aten::"):
            taken[kind_of(row.key.removeprefix("aten::"))] += row.self_cpu_time_total / 1e6
    taken[REST] = max(seconds - taken.total(), 0.0)
    return {kind: some / taken.total() for kind, some in taken.most_common()}


def kind_of(operation: str) -> str:
    """The name under which an operation of torch is counted.

    >>> kind_of("addmm"), kind_of("silu_")
    ('matrix products', 'elementwise and sums')
    """
    return next((kind for kind, names in KINDS.items() if operation in names), ELEMENTWISE)


def told(shares: dict[str, float]) -> str:
    """The shares in words; those below 1 % are left out, and nothing but a remark stands for those of a GPU.

    >>> told({"matrix products": 0.612, "copies": 0.004})
    'matrix products 61 %'
    """
    if not shares:
        return "not looked at on a GPU"
    return ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in shares.items() if share >= 0.01)
