"""Which labels of which prompts were scored, as one number that two programs can compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable


def digest_of(pairs: Iterable[tuple[list[int], list[int]]]) -> str:
    """The same for the same pairs of prompt and label, in tokens, in any order.

    >>> digest_of([([1], [2]), ([1], [3])]) == digest_of([([1], [3]), ([1], [2])])
    True
    """
    return hashlib.sha256(json.dumps(sorted([list(pair) for pair in pairs])).encode()).hexdigest()
