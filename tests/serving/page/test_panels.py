"""Whatever a model or a record says stands on the page as text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.report.card import proof_card
from medadapt.report.clean_text import visible
from medadapt.retrieval.index import Found
from medadapt.retrieval.passages import Passage
from medadapt.serving.abstention import AbstentionRule, Sureness
from medadapt.serving.answering import NOTICE, Weighed
from medadapt.serving.page import panels
from medadapt.serving.page.blocks import About, _head
from medadapt.serving.page.panels import Turn
from medadapt.serving.page.red_flags import red_flags

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "</p></section>",
            "${alert(1)}",
            "{{x}}",
            "&lt;b&gt;",
        ]
    ),
)


class Read(HTMLParser):
    """The tags of a piece of HTML with their attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, *(name for name, _ in attributes)))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def judged(text):
    """The proof card of metrics that somebody else wrote."""
    return proof_card(
        {
            "task": "qa",
            "primary": "loss",
            "n": 1,
            "alpha": 0.05,
            "baseline": {},
            "tuned": {},
            "difference": {"loss": {"value": None, "verdict": text, "reason": text}},
            "against_control": {"name": None, "reason": text},
            "findings": [{"kind": "leak", "exit_code": 3, "problem": text, "remedy": text}],
        }
    )


def pieces(text):
    """Everything on the page that shows text of others."""
    weighed = [
        Weighed(name=text, text=text + "!", probability=0.7),
        Weighed(name="b", text=text, probability=0.3),
    ]
    rule = AbstentionRule(risk=0.1, temperature=1.0, threshold=0.5, num_answers=frozenset())
    found = [Found(passage=Passage(id=text, title=text, text=text), score=1.0)]
    return [
        panels.answer(
            "tuned", text, stopped="finished", turns=[Turn(role="user", text=text)], weighed=weighed
        ),
        panels.careful_answer("tuned", Sureness(rule=rule, weighed=weighed)),
        panels.passages(found),
        panels.passages_of({"tuned": found, "baseline": []}),
        panels.unvouched("tuned", text),
        panels.problem(text),
        panels.proof(judged(text)),
        _head(About(name=text, does=text, proof="", has_report=True, notes=(text,))),
    ]


@given(HOSTILE)
def test_text_of_others_adds_no_tag_and_no_attribute(text):
    for hostile, plain in zip(pieces(text or "a"), pieces("a"), strict=True):
        assert Read(hostile).tags == Read(plain).tags
        assert not Read(hostile).open


@given(st.text(min_size=1, max_size=60))
def test_text_of_others_is_shown_as_it_is(text):
    assert visible(text) in "".join(Read(panels.answer("tuned", text, stopped=None)).text)


def test_probabilities_are_bars_with_their_meaning_in_words():
    weighed = [
        Weighed(name=f"L{n}", text=f"L{n}", probability=p)
        for n, p in enumerate([0.6, 0.2, 0.1, 0.05, 0.03, 0.02])
    ]
    html = panels.answer("tuned", "L0", stopped="finished", weighed=weighed)
    assert html.count('role="meter"') == 5
    assert 'aria-valuenow="60.00"' in html
    assert "and 1 more" in html
    assert "more likely than all others together" in html
    assert "not the chance that the answer is right" in html


def test_only_all_is_100_percent_and_only_none_is_0():
    weighed = [
        Weighed(name=f"L{n}", text=f"L{n}", probability=p) for n, p in enumerate([0.9996, 0.0003, 0.0001])
    ]
    read = "".join(Read(panels.answer("tuned", "L0", stopped="finished", weighed=weighed)).text)
    assert "> 99.9%" in read
    assert "< 0.1%" in read
    assert "100.0%" not in read
    assert " 0.0%" not in read


def test_a_confidence_just_below_what_is_needed_is_not_told_as_the_same():
    weighed = [
        Weighed(name="Flu", text="Flu", probability=0.9841),
        Weighed(name="Cold", text="Cold", probability=0.0159),
    ]
    rule = AbstentionRule(risk=0.1, temperature=1.0, threshold=0.9844, num_answers=frozenset())
    html = panels.careful_answer("tuned", Sureness(rule=rule, weighed=weighed))
    assert "confidence is 98.41%" in html
    assert "would need 98.44%" in html


@pytest.mark.parametrize(("confidence", "shown"), [(0.9, True), (0.4, False)])
def test_a_model_that_is_not_sure_enough_says_nothing(confidence, shown):
    weighed = [
        Weighed(name="Flu", text="Flu", probability=confidence),
        Weighed(name="Cold", text="Cold", probability=1 - confidence),
    ]
    rule = AbstentionRule(risk=0.1, temperature=1.0, threshold=0.5, num_answers=frozenset())
    html = panels.careful_answer("tuned", Sureness(rule=rule, weighed=weighed))
    assert ("Flu" in html) is shown
    assert ("Not sure enough" in html) is not shown


def test_an_emergency_is_told_with_its_sources_and_what_the_list_is():
    html = panels.emergency(red_flags()[:2])
    assert 'role="alert"' in html
    assert html.count("<li>") == 2
    assert red_flags()[0].source.url in html
    assert "clinicians have not reviewed" in html
    assert panels.emergency([]) == ""


def test_the_notice_is_the_one_of_every_other_way():
    assert NOTICE in panels.notice()
