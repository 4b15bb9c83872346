import pytest

from medadapt.core.errors import DataError
from medadapt.examples.system_turns import SystemTurns, system_turns, system_turns_from_json


@pytest.mark.parametrize(
    ("opened", "found"),
    [
        ([None, None], SystemTurns()),
        (["Be kind.", "Be kind."], SystemTurns(any=True, common="Be kind.")),
        (["Be kind.", "Be brief."], SystemTurns(any=True)),
        (["Be kind.", None], SystemTurns(any=True)),
    ],
)
def test_a_system_turn_is_common_where_every_dialogue_opens_with_it(opened, found, dialogue):
    records = [dialogue("I cough.", "Since when?", "Why?", "Rest.", system=said) for said in opened]
    assert system_turns(records) == found


def test_a_file_of_an_earlier_version_says_nothing_of_them():
    assert system_turns_from_json(None, where="examples.json") == SystemTurns()


@pytest.mark.parametrize("stored", [[], "Be kind.", {"any": 1, "common": None}, {"any": True}])
def test_anything_else_is_refused_with_its_file(stored):
    with pytest.raises(DataError, match=r"examples\.json"):
        system_turns_from_json(stored, where="examples.json")
