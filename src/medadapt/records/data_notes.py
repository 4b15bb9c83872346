"""What the console says after preparing: columns that nobody is asked with, and labels that look like one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

MOST_NAMED = 10


def data_notes(facts: Mapping[str, Any]) -> Iterator[str]:
    """Lines about the content of data.json; none where there is nothing to look at."""
    for file, names in (facts.get("columns_left_out") or {}).items():
        shown = ", ".join(map(repr, names[:MOST_NAMED]))
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        kind = "the column" if len(names) == 1 else "the columns"
        yield f"{file}: no question holds anything of {kind} {shown}{more}"
    for first, *others in facts.get("alike_labels") or []:
        shown = ", ".join(map(repr, (first, *others)))
        # Aliases are compared without case and spaces, so one of the spellings stands for all.
        alias = json.dumps({others[0]: first}, ensure_ascii=False)
        yield (
            f"labels: {shown} differ in case or spaces only and are learned as different labels; "
            f"data.aliases: {alias} makes them one"
        )
