"""Typed cells of Parquet files -> plain JSON values."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from medadapt.records.cleaning.texts import Repairs


def plain_value(value: Any, repairs: Repairs) -> Any:
    """A cell as JSON can hold it: dates and decimals as text, tuples as lists, bytes left out.

    Bytes are pictures or sounds, which no format reads; the cell becomes null and is counted.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case dict():
            return {str(key): plain_value(part, repairs) for key, part in value.items()}
        case list() | tuple():
            return [plain_value(part, repairs) for part in value]
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case Decimal() | timedelta():
            return str(value)
        case bytes():
            repairs["cells of bytes left out"] += 1
            return None
    return str(value)
