"""The page is self-contained, well-formed and inert whatever the data holds."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reader import Reader, assert_inert

from medadapt.core.records import Record
from medadapt.report.building import report_page
from medadapt.report.card import proof_card
from medadapt.report.clean_text import visible
from medadapt.report.html import render
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Page, Section, Table, Text

Build = Callable[..., ReportInputs]
PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "{{7*7}}",
    "{% for x in y %}",
    "${7*7}",
    "</style><style>*{display:none}",
    "</title><h1>x",
    "<!--",
    "--><b>",
    "javascript:alert(1)",
    "[x](javascript:alert(1))",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe src=//x.invalid>",
    "<meta http-equiv=refresh content=0;url=//x.invalid>",
    "<base href=//x.invalid>",
    "<form action=//x.invalid><input>",
    "\x1b[31mred\x1b[0m",
    "\u202eevil",
    "line\u2028break",
    "&lt;b&gt;",
    "</pre></code></details>",
    "\x00<b>",
    "<math><mi xlink:href=x>",
    "]]>",
    "<template><script>x</script>",
    "<object data=//x.invalid>",
    "<link rel=stylesheet href=//x.invalid>",
)


def poisoned(value: Any, payload: str) -> Any:
    """Every text of a plain value with the payload behind it, keys of free text included."""
    if isinstance(value, dict):
        return {key: poisoned(part, payload) for key, part in value.items()}
    if isinstance(value, list):
        return [poisoned(part, payload) for part in value]
    return value + payload if isinstance(value, str) else value


def hostile(build: Build, payload: str) -> ReportInputs:
    """A run whose labels, questions, answers, names, files and messages all carry the payload."""
    inputs = build(labels=(f"Gout{payload}", "Acne"), n=6)
    metrics = {key: inputs.metrics[key] for key in inputs.metrics}
    metrics["protocol"] = poisoned(metrics["protocol"], payload)
    metrics["groups"] = {"subject": {f"Anatomy{payload}": {"n": 3, "baseline": None, "tuned": None}}}
    metrics["findings"] = [{"kind": "leak", "exit_code": 3, "problem": payload, "remedy": payload}]
    metrics["against_control"] = {"name": None, "reason": payload}
    return dataclasses.replace(
        inputs,
        recipe=poisoned(inputs.recipe, payload),
        run=poisoned(inputs.run, payload),
        data={
            **poisoned(inputs.data, payload),
            "sources": {f"data{payload}.csv": payload},
            "labels": [payload],
            "labels_without_test": [payload],
            "dropped": {payload: 2},
            "repairs": {payload: 2},
        },
        examples=poisoned(inputs.examples, payload),
        test=[
            dataclasses.replace(r, id=f"{r.id}{payload}", question=payload, context=payload)
            for r in inputs.test
        ],
        baseline=[dataclasses.replace(p, text=payload) for p in inputs.baseline],
        tuned=[dataclasses.replace(p, text=payload) for p in inputs.tuned],
        metrics=metrics,
        prompts={f"{r.id}{payload}": payload for r in inputs.test},
    )


@pytest.fixture
def small_page(choice_inputs: Build) -> Page:
    """A page without figures, quick to render."""
    card = proof_card(choice_inputs().metrics)
    return Page(title="t", notice="n", banners=(), card=card, sections=(), footer="f")


def test_the_page_of_each_task_is_well_formed_and_inert(inputs: ReportInputs) -> None:
    read = assert_inert(render(report_page(inputs)))
    assert read.text.count("not a medical device") >= 2


def test_a_tiny_p_value_stays_on_one_line_in_print_and_is_plain_text(diagnosis_inputs: Build) -> None:
    html = render(report_page(diagnosis_inputs()))
    cells = re.findall(r"<td([^>]*)>&lt; 0\.001</td>", html)
    assert len(cells) > 2  # on the card and in tables of words
    assert set(cells) == {' class="together"'}
    assert "td.together { white-space: nowrap;" in html
    assert len(re.findall('class="together"', html)) == len(cells)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_data_is_shown_as_text_only(diagnosis_inputs: Build, payload: str) -> None:
    read = assert_inert(render(report_page(hostile(diagnosis_inputs, payload))))
    shown = visible(payload).strip()
    assert shown in read.text
    for place in (f"Gout{shown}", f"Anatomy{shown}", f"data{shown}.csv", f"symptoms{shown}"):
        assert place in read.text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_dialogues_and_searches_are_shown_as_text_only(dialogue_inputs: Build, payload: str) -> None:
    inputs = dialogue_inputs()
    history = [{"role": f"user{payload}", "content": payload}, {"role": "user", "content": payload}]
    search = poisoned(inputs.search, payload) | {"vary": {f"training.x{payload}": {payload: [1, 2]}}}
    search["trials"] = [trial | {"curve": []} for trial in search["trials"]]  # drawings take the time
    page = report_page(
        dataclasses.replace(
            inputs,
            test=[dataclasses.replace(record, history=history) for record in inputs.test],
            data={**inputs.data, "hub": poisoned(inputs.data["hub"], payload)},
            metrics={
                **inputs.metrics,
                "signatures": {f"bleu{payload}": payload},
                "soft_match": {},
                "error_length": {},
            },
            search=search,
            steps=[],
        )
    )
    read = assert_inert(render(page))
    shown = visible(payload).strip()
    for place in (f"owner/dialogues{shown}", f"is nan.{shown}", shown):
        assert place in read.text


@settings(max_examples=40, deadline=None)
@given(text=st.text(alphabet=st.characters(codec=None), max_size=80))
def test_any_text_comes_back_as_itself(text: str) -> None:
    blocks = (Text(text=text), Table(caption=text, columns=(text, "x"), rows=((text, text),)))
    metrics = {
        "task": "qa",
        "primary": "loss",
        "n": 1,
        "alpha": 0.05,
        "baseline": {},
        "tuned": {},
        "difference": {},
    }
    page = Page(
        title=text,
        notice="",
        banners=(),
        card=proof_card(metrics),
        sections=(Section(anchor="a", title=text, blocks=blocks),),
        footer="",
    )
    read = assert_inert(render(page))
    assert read.text.count(visible(text)) >= 6


def test_the_policy_allows_only_this_style_sheet_and_inline_images(small_page: Page) -> None:
    html = render(small_page)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [a["content"] for tag, a in Reader(html).tags if tag == "meta" and "http-equiv" in a]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style
    assert "@import" not in style


def test_a_list_of_records_brings_one_script_that_the_policy_names_by_its_hash(choice_inputs: Build) -> None:
    read = Reader(render(report_page(choice_inputs())))
    (script,) = read.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [a["content"] for tag, a in read.tags if tag == "meta" and "http-equiv" in a]
    assert f"; script-src 'sha256-{digest}'; " in str(policy)
    assert str(policy).startswith("default-src 'none';")
    assert "unsafe" not in str(policy)
    for forbidden in ("eval(", "innerHTML", "fetch(", "XMLHttpRequest", "insertAdjacent", "document.write"):
        assert forbidden not in script


def test_headings_never_skip_a_level(inputs: ReportInputs) -> None:
    levels = [
        int(tag[1]) for tag, _ in Reader(render(report_page(inputs))).tags if re.fullmatch("h[1-6]", tag)
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_images_have_words_and_header_cells_a_scope(inputs: ReportInputs) -> None:
    read = Reader(render(report_page(inputs)))
    assert ("html", {"lang": "en"}) in read.tags
    assert all(attributes.get("alt") for tag, attributes in read.tags if tag == "img")
    assert all(attributes.get("scope") in {"row", "col"} for tag, attributes in read.tags if tag == "th")


def test_links_lead_to_places_on_the_page(inputs: ReportInputs) -> None:
    tags = Reader(render(report_page(inputs))).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    links = [str(attributes["href"])[1:] for _, attributes in tags if "href" in attributes]
    assert links
    assert set(links) <= set(ids)
    assert len(ids) == len(set(ids))


def test_prompt_and_trained_text_are_told_apart(qa_inputs: Build) -> None:
    html = render(report_page(qa_inputs()))
    assert "### Answer:</span><mark> Gout comes with" in html


def test_every_trained_turn_of_a_dialogue_is_marked(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    inputs.examples["preview"][0]["segments"] = [
        {"text": "Patient: a\n\nDoctor:", "trained": False},
        {"text": " b</s>", "trained": True},
        {"text": "\n\nPatient: c\n\nDoctor:", "trained": False},
        {"text": " d</s>", "trained": True},
    ]
    html = render(report_page(inputs))
    assert "<mark> b&lt;/s&gt;</mark><span>\n\nPatient: c" in html
    assert "<mark> d&lt;/s&gt;</mark>" in html


def test_a_regression_shows_question_reference_and_both_answers(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    assert isinstance(inputs.test[16], Record)
    text = Reader(render(report_page(inputs))).text
    for part in (inputs.test[16].question, inputs.test[16].answer, "The doctor will tell you more"):
        assert part in text
