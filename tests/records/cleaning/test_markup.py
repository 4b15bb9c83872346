from __future__ import annotations

from collections import Counter

import pytest

from medadapt.records.cleaning.markup import without_markup


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("one<br>two<br />three", "one\ntwo\nthree"),
        ("<p>First.</p><p>Second.</p>", "\nFirst.\n\nSecond.\n"),
        ("<b>Rest</b> and <i>cool</i>", "Rest and cool"),
        ("<p>First.<p>Second.", "\nFirst.\nSecond."),
        ("<b>one <b>two</b> <i>three</b></i> <b>four", "one two three <b>four"),
        ("<ul><li>rest</li><li>ice</li></ul>", "\n\n- rest\n- ice\n"),
        ('see <a href="https://a.org/x?y=1">this</a>', "see this"),
        ("10<sup>9</sup>/L and H<sub>2</sub>O", "10^9/L and H2O"),
        ("<span class='x'>fine</span>", "fine"),
        ("pain &amp; fever &lt; 39 &deg;C", "pain & fever < 39 °C"),
        ("it&#39;s &quot;so&quot;", 'it\'s "so"'),
        ("&lt;br&gt; is a tag", "<br> is a tag"),
    ],
)
def test_markup_becomes_plain_characters(text: str, plain: str):
    repairs: Counter[str] = Counter()

    assert without_markup(text, repairs) == plain
    assert repairs.total() >= 1


@pytest.mark.parametrize(
    "text",
    [
        "p<0.05 and b>3",
        "a<b and c>d",
        "<positive_smiley>",
        "see <link>",
        "AT&T; R&D",
        "Na < 130 > 120",
        "x <p y> z",
        "<b>",
    ],
)
def test_what_is_no_markup_stays(text: str):
    repairs: Counter[str] = Counter()

    assert without_markup(text, repairs) == text
    assert not repairs


@pytest.mark.parametrize(("tags", "left"), [("<b>x", "<b>x"), ("</b><b>x", "</b>"), ("<b><i>", "<b><i>")])
def test_a_megabyte_of_tags_that_are_never_closed_is_read_in_one_pass(tags: str, left: str):
    # A pass for each tag would take hours.
    assert without_markup(tags * 200_000, Counter()).startswith(left)
