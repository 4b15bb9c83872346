"""The names of the rules by which a label or option is chosen."""

from __future__ import annotations

from typing import Literal, get_args

ChoiceRule = Literal["sum", "per_token", "per_byte", "relative"]
CHOICE_RULES: tuple[ChoiceRule, ...] = get_args(ChoiceRule)
"""How the log-likelihood of a label or option becomes the figure by which it is chosen."""
