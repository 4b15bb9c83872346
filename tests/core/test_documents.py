"""A JSON document is taken as it was written, or refused with the file, what it lacks and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from medadapt.core.documents import NUMBER_OR_NULL, read_object
from medadapt.core.errors import DataError

KEYS = {"n": int, "tuned.accuracy": NUMBER_OR_NULL, "leakage": dict}


@pytest.mark.parametrize("value", ["0.5", "1", "null"])
def test_a_document_with_its_keys_is_read(value: str, tmp_path: Path):
    path = tmp_path / "x.json"
    path.write_text(f'{{"n": 3, "tuned": {{"accuracy": {value}}}, "leakage": {{}}, "later": []}}')

    assert read_object(path, KEYS)["n"] == 3


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[]", r"holds \[\] instead of a JSON object"),
        ("{}", "lacks `n`"),
        ('{"n": "3"}', "`n` is '3', not a whole number"),
        ('{"n": true}', "`n` is True, not a whole number"),
        ('{"n": 3, "tuned": 1}', r"lacks `tuned\.accuracy`"),
        (
            '{"n": 3, "tuned": {"accuracy": []}}',
            r"`tuned\.accuracy` is \[\], not a whole number or a number or null",
        ),
        ('{"n": 3, "tuned": {"accuracy": 1}, "leakage": null}', "`leakage` is None, not an object"),
        ('{"n": 3', "is damaged"),
        ("[" * 100_000, "is damaged"),
    ],
)
def test_any_other_document_is_refused_with_file_fault_and_remedy(text: str, fault: str, tmp_path: Path):
    path = tmp_path / "x.json"
    path.write_text(text)

    with pytest.raises(DataError, match=fault) as refused:
        read_object(path, KEYS, remedy="Write it again.")

    assert str(path) in refused.value.problem
    assert refused.value.expected
    assert refused.value.remedy == "Write it again."


def test_a_missing_document_is_told_as_such(tmp_path: Path):
    with pytest.raises(DataError, match=r"x\.json is missing"):
        read_object(tmp_path / "x.json")
