import itertools

from hypothesis import given
from hypothesis import strategies as st

from medadapt.cli.replies import harmless


@given(st.text(st.characters(codec=None), max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_however_a_text_is_cut_into_pieces_no_control_character_is_left(text, cuts):
    places = [0, *sorted(cuts), len(text)]
    shown = "".join(harmless(text[a:b]) for a, b in itertools.pairwise(places))
    assert not any((ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert shown == "".join(map(harmless, text[: max(places)]))
