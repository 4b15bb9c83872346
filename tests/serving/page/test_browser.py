"""The page in a real browser: type, pick, watch, choose who answers, open sources; on a phone and on a desk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from abstaining_run import with_validation
from medadapt.core.files import read_jsonl, write_jsonl
from medadapt.serving.answering import NOTICE
from medadapt.serving.indexing import index_run
from serving_runs import make_base, make_run, recorded, records_of

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 30_000
QUIET = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-sandbox",
]  # fmt: skip
# Every piece of visible text with its colour and that of the first opaque thing behind it.
COLOURS = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const paper = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const texts = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    const words = walk.currentNode.textContent.trim();
    if (!words || !node.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (["SCRIPT", "STYLE", "NOSCRIPT"].includes(node.tagName)) continue;
    const box = node.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    texts.push({words, ink: parse(getComputedStyle(node).color).slice(0, 3), paper: paper(node)});
  }
  for (const field of document.querySelectorAll("textarea[placeholder], input[placeholder]")) {
    const ink = parse(getComputedStyle(field, "::placeholder").color).slice(0, 3);
    if (field.placeholder && field.checkVisibility()) texts.push({words: field.placeholder, ink, paper: paper(field)});
  }
  return {page: paper(document.querySelector(".gradio-container")), texts};
}"""
# What each panel has said from one moment to the next.
WATCH = """() => {
  window.grown = {baseline: [], tuned: []};
  new MutationObserver(() => {
    for (const [model, texts] of Object.entries(window.grown)) {
      const said = document.querySelector(`.panel.${model}[aria-busy="true"] .said`)?.textContent;
      if (said && texts.at(-1) !== said) texts.push(said);
    }
  }).observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
}"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no browser is installed: `apt-get install chromium`"),
]


@dataclass
class Visit:
    """An open page, what it asked the network for, and what its console said."""

    page: Any
    asked: list[str]
    said: list[str]

    def panel(self, model: str) -> Any:
        return self.page.locator(f".panel.{model}")

    def wait_for_answers(self, *models: str) -> None:
        for model in models:
            self.page.locator(f'.panel.{model}[aria-busy="false"] .said').wait_for(timeout=PATIENCE)


@contextmanager
def page_of(run: Path, *options: str) -> Iterator[str]:
    """The address of the page of a run, in a process of its own."""
    command = [sys.executable, "-m", "medadapt", "ui", str(run), "--port", "0", "--no-browser", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("http://127.0.0.1:"), line
        yield line.split()[0]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def url(diagnosis_run, tmp_path_factory) -> Iterator[str]:
    """Only the tuned model of this run is right where it is sure."""
    place = tmp_path_factory.mktemp("page")
    run = with_validation(diagnosis_run, place / "run", right_above=0.4)
    path = run / "4-predictions" / "validation.baseline.jsonl"
    rows = list(read_jsonl(path))
    said = [{name: row[name] for name in ("choice", "scores", "probabilities")} for row in reversed(rows)]
    write_jsonl(path, [row | other for row, other in zip(rows, said, strict=True)])
    with page_of(run, "--index", str(index_run(str(run), place / "index").folder)) as address:
        yield address


@pytest.fixture(scope="module")
def talk_url(tmp_path_factory) -> Iterator[str]:
    """Models in a conversation that write for longer than it takes to press Stop."""
    place = tmp_path_factory.mktemp("talk")
    run = make_run(
        place / "run",
        make_base(place / "base", context=8192, endless=True),
        until="train",
        data={"format": "dialogue", "source": "sample:rows/dialogues"},
        training={"epochs": 1, "learning_rate": 1e-6, "tracking": []},
        evaluation={"bootstrap_samples": 100, "max_new_tokens": 4000},
    )
    with page_of(run) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield browser
        browser.close()


@contextmanager
def visiting(url: str, chromium: Any, *, width: int = 1280, scheme: str = "light") -> Iterator[Visit]:
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    made = Visit(page=page, asked=[], said=[])
    page.on("request", lambda sent: made.asked.append(sent.url))
    page.on(
        "response", lambda got: made.said.append(f"{got.status} {got.url}") if got.status >= 400 else None
    )
    page.on("console", lambda line: made.said.append(line.text) if line.type == "error" else None)
    page.on("dialog", lambda dialog: made.said.append(f"dialog: {dialog.message}"))
    page.goto(url)
    page.get_by_role("button", name="Ask").wait_for(timeout=PATIENCE)
    yield made
    context.close()


@pytest.fixture
def talk(talk_url, chromium) -> Iterator[Visit]:
    with visiting(talk_url, chromium) as made:
        yield made


@pytest.fixture(
    params=[(390, "light"), (1280, "light"), (390, "dark"), (1280, "dark")],
    ids=lambda one: f"{one[0]}-{one[1]}",
)
def visit(request, url, chromium) -> Iterator[Visit]:
    width, scheme = request.param
    with visiting(url, chromium, width=width, scheme=scheme) as made:
        yield made
        if folder := os.environ.get("MEDADAPT_SCREENSHOTS"):
            made.page.screenshot(path=Path(folder) / f"{request.node.name}.png", full_page=True)


def test_symptoms_are_picked_and_both_models_answer(visit, diagnosis_run):
    record = records_of(diagnosis_run)[0]
    picker = visit.page.locator("#symptoms input")
    for symptom in re.split(r"[;,]\s*", record.question):
        picker.click()
        picker.type(symptom)
        picker.press("Enter")
    # The list stays open for the next one, and leaves the button uncovered.
    listed = visit.page.locator('#symptoms ul[role="listbox"]').bounding_box()
    assert listed["height"] > 60
    assert listed["y"] + listed["height"] <= visit.page.locator("#ask").bounding_box()["y"]
    visit.page.get_by_role("button", name="Ask").click()
    visit.wait_for_answers("baseline", "tuned")
    for model in ("baseline", "tuned"):
        kept = recorded(diagnosis_run, model)[record.id]
        likeliest = max(kept["probabilities"], key=kept["probabilities"].get)
        assert likeliest in visit.panel(model).inner_text()
        assert visit.panel(model).get_by_role("meter").count() == min(5, len(kept["probabilities"]))
    passages = visit.page.locator("#sources li")
    assert passages.first.is_visible()
    assert all("from " in one for one in passages.all_inner_texts())
    for state in ("hidden", "visible"):
        visit.page.get_by_role("button", name="Passages that stood in the prompt").click()
        passages.first.wait_for(state=state, timeout=PATIENCE)
    # The notice is in view from the top of the page to its end.
    visit.page.mouse.wheel(0, 5000)
    notice = visit.page.get_by_text(NOTICE).bounding_box()
    assert 0 <= notice["y"] < 844
    assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert all(one.startswith(("http://127.0.0.1:", "data:", "blob:")) for one in visit.asked), visit.asked
    assert not visit.said


def test_one_model_is_chosen_by_keyboard_and_an_emergency_is_told(visit):
    question = visit.page.locator("#question textarea")
    visit.page.get_by_text("Settings").click()
    visit.page.get_by_role("radio", name="Tuned model").check()
    question.fill("chest pain and <img src=x onerror=alert(1)> ${alert(2)}")
    question.press("Enter")
    visit.wait_for_answers("tuned")
    alert = visit.page.get_by_role("alert")
    assert "may be an emergency" in alert.inner_text()
    assert alert.get_by_role("link").count() == 1
    assert "Ask a question" in visit.panel("baseline").inner_text()
    assert visit.page.locator("img[src=x]").count() == 0
    assert not visit.said
    visit.page.get_by_role("button", name="Clear").click()
    visit.page.get_by_role("alert").wait_for(state="detached", timeout=PATIENCE)
    assert question.input_value() == ""


def test_an_example_fills_the_fields_and_the_proof_and_report_are_there(visit):
    visit.page.locator(".gallery button, .gallery-item, tr.tr-body").first.click()
    visit.page.locator("#symptoms .token").first.wait_for(timeout=PATIENCE)
    visit.page.get_by_text("Did tuning help?").click()
    visit.page.locator("#proof .verdict").wait_for(timeout=PATIENCE)
    with visit.page.context.expect_page() as opened:
        visit.page.get_by_role("link", name="Report").click()
    assert opened.value.title()
    assert opened.value.url.endswith("/report")


def test_an_empty_question_is_told_and_a_page_without_a_problem_has_none(visit):
    visit.page.get_by_role("button", name="Ask").click()
    visit.page.get_by_text("The question is empty.").wait_for(state="visible", timeout=PATIENCE)
    assert visit.page.locator(".said").count() == 0


def test_who_is_not_sure_enough_says_nothing_and_passages_are_left_out(visit, diagnosis_run):
    visit.page.get_by_text("Settings").click()
    careful, grounded = (visit.page.locator(f"#{name} input") for name in ("careful", "grounded"))
    assert grounded.is_checked()
    careful.check()
    visit.page.locator("#grounded input:disabled").wait_for(timeout=PATIENCE)
    assert not grounded.is_checked()
    question = visit.page.locator("#question textarea")
    question.fill(records_of(diagnosis_run)[0].question)
    question.press("Enter")
    visit.wait_for_answers("baseline", "tuned")
    assert "No answer." in visit.panel("baseline").inner_text()
    assert "vouch" not in visit.panel("tuned").inner_text()
    assert visit.page.locator("#sources li").count() == 0
    careful.uncheck()
    visit.page.locator("#grounded input:enabled").wait_for(timeout=PATIENCE)
    assert not visit.said


def test_all_text_can_be_read_in_the_colours_that_were_asked_for(visit):
    question = visit.page.locator("#question textarea")
    question.fill("chest pain")
    question.press("Enter")
    visit.wait_for_answers("baseline", "tuned")
    for name in ("Settings", "Did tuning help?"):
        visit.page.get_by_text(name).click()
    visit.page.locator("#proof .verdict").wait_for(timeout=PATIENCE)
    seen = visit.page.evaluate(COLOURS)
    dark = visit.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (luminance(seen["page"]) < 0.1) is dark
    assert len(seen["texts"]) > 20
    pale = [one for one in seen["texts"] if contrast(one["ink"], one["paper"]) < 4.5]
    assert not pale


def test_answers_grow_while_they_are_written(talk):
    talk.page.evaluate(WATCH)
    question = talk.page.locator("#question textarea")
    question.fill("I have a cough.")
    question.press("Enter")
    talk.page.wait_for_function(
        "window.grown.tuned.length > 5 && window.grown.baseline.length > 5", timeout=PATIENCE
    )
    grown = talk.page.evaluate("window.grown")
    for texts in grown.values():
        assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert talk.panel("tuned").get_attribute("aria-busy") == "true"


def test_stop_ends_both_answers_and_the_conversation_goes_on(talk):
    question = talk.page.locator("#question textarea")
    question.fill("I have a cough.")
    question.press("Enter")
    for model in ("baseline", "tuned"):
        talk.page.locator(f'.panel.{model}[aria-busy="true"] .said').wait_for(timeout=PATIENCE)
    talk.page.get_by_role("button", name="Stop").click()
    talk.wait_for_answers("baseline", "tuned")
    kept = {model: talk.panel(model).locator(".said").inner_text() for model in ("baseline", "tuned")}
    assert all(kept.values())
    question.fill("And a fever.")
    talk.page.get_by_role("button", name="Ask").click()
    for model, text in kept.items():
        talk.page.locator(f'.panel.{model}[aria-busy="true"] .turn.user').nth(1).wait_for(timeout=PATIENCE)
        assert text in talk.panel(model).locator(".turn.assistant").inner_text()
    talk.page.get_by_role("button", name="Start over").click()
    talk.page.locator(".turn").first.wait_for(state="detached", timeout=PATIENCE)
    assert not talk.said


def test_enter_and_a_click_ask_once(talk):
    question = talk.page.locator("#question textarea")
    question.fill("I have a cough.")
    question.press("Enter")
    talk.page.get_by_role("button", name="Ask").click()
    talk.page.locator('.panel.tuned[aria-busy="true"] .said').wait_for(timeout=PATIENCE)
    assert sum("/queue/join" in one for one in talk.asked) == 1
    talk.page.get_by_role("button", name="Stop").click()
    talk.wait_for_answers("tuned")


def luminance(colour: list[float]) -> float:
    """As WCAG defines it, of red, green and blue from 0 to 255."""
    shares = [one / 255 for one in colour]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in shares]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(ink: list[float], paper: list[float]) -> float:
    lighter, darker = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
