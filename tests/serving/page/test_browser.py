"""The page in a real browser: type, pick, watch, choose who answers, open sources; on a phone and on a desk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medadapt.serving.answering import NOTICE
from medadapt.serving.indexing import index_run
from serving_runs import recorded, records_of

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 30_000
QUIET = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-sandbox",
]  # fmt: skip
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


@pytest.fixture(scope="module")
def url(diagnosis_run, tmp_path_factory) -> Iterator[str]:
    index = index_run(str(diagnosis_run), tmp_path_factory.mktemp("page") / "index").folder
    command = [sys.executable, "-m", "medadapt", "ui", str(diagnosis_run), "--port", "0", "--no-browser"]
    process = subprocess.Popen(
        [*command, "--index", str(index)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("http://127.0.0.1:"), line
    yield line.split()[0]
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=BROWSER, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(
    params=[(390, "light"), (1280, "light"), (390, "dark"), (1280, "dark")],
    ids=lambda one: f"{one[0]}-{one[1]}",
)
def visit(request, url, chromium) -> Iterator[Visit]:
    width, scheme = request.param
    context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    made = Visit(page=page, asked=[], said=[])
    page.on("request", lambda sent: made.asked.append(sent.url))
    page.on("console", lambda line: made.said.append(line.text) if line.type == "error" else None)
    page.on("dialog", lambda dialog: made.said.append(f"dialog: {dialog.message}"))
    page.goto(url)
    page.get_by_role("button", name="Ask").wait_for(timeout=PATIENCE)
    yield made
    if folder := os.environ.get("MEDADAPT_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{request.node.name}.png", full_page=True)
    context.close()


def test_symptoms_are_picked_and_both_models_answer(visit, diagnosis_run):
    record = records_of(diagnosis_run)[0]
    picker = visit.page.locator("#symptoms input")
    for symptom in re.split(r"[;,]\s*", record.question):
        picker.click()
        picker.type(symptom)
        picker.press("Enter")
    visit.page.get_by_role("button", name="Ask").click()
    visit.wait_for_answers("baseline", "tuned")
    for model in ("baseline", "tuned"):
        kept = recorded(diagnosis_run, model)[record.id]
        likeliest = max(kept["probabilities"], key=kept["probabilities"].get)
        assert likeliest in visit.panel(model).inner_text()
        assert visit.panel(model).get_by_role("meter").count() == min(5, len(kept["probabilities"]))
    assert visit.page.locator("#sources li").count() > 0
    assert "from " in visit.page.locator("#sources").inner_text()
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
    visit.page.get_by_text("The question is empty.").wait_for(timeout=PATIENCE)
    assert visit.page.locator(".said").count() == 0
