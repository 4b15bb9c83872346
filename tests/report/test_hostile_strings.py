"""A hundred hostile strings everywhere in the data: shown as text, and nothing else, in a parser and in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_runs import hostile_choices, hostile_questions
from hostile_strings import STRINGS
from page_reader import assert_inert

from medadapt.report.building import report_page
from medadapt.report.clean_text import shortened, visible
from medadapt.report.errors_section import SHORT_TEXT
from medadapt.report.html import render
from medadapt.report.inputs import ReportInputs
from medadapt.report.model_card import model_card

RUNS = {"choices": hostile_choices, "questions": hostile_questions}
CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
REACHED_OUT = "http"


@pytest.fixture(params=[*RUNS])
def hostile(request: pytest.FixtureRequest) -> ReportInputs:
    """A run whose texts are all hostile."""
    build: Callable[..., ReportInputs] = RUNS[request.param]
    return build(STRINGS)


def test_there_are_a_hundred_of_them() -> None:
    assert len(set(STRINGS)) == len(STRINGS) >= 100


def test_every_string_is_shown_as_text_and_becomes_nothing_else(hostile: ReportInputs) -> None:
    read = assert_inert(render(report_page(hostile)))
    missing = [text for text in STRINGS if visible(shortened(text, SHORT_TEXT)).strip() not in read.text]
    assert missing == []


def test_no_string_stands_in_the_model_card(hostile: ReportInputs) -> None:
    body = model_card(hostile)
    assert "question <" not in body
    assert not re.search("[\x00-\x08\x1b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", body)
    assert "<script" not in body.lower()


PROBE = """<!doctype html><meta charset="utf-8"><title>waiting</title><body><iframe id="page" src="index.html"></iframe>
<pre id="seen"></pre><script>
const said = [];
addEventListener("load", () => setTimeout(() => {
  const frame = document.getElementById("page"), page = frame.contentDocument, inside = frame.contentWindow;
  const cases = [...page.querySelectorAll(".case")], search = page.querySelector(".filters input");
  for (const one of cases) one.open = true;
  const kind = page.querySelector('.filters select[name="kind"]');
  const listed = () => cases.filter((one) => !one.hidden).length;
  const all = listed();
  kind.selectedIndex = 1; kind.dispatchEvent(new Event("input", {bubbles: true}));
  said.push("of one kind " + (listed() === cases.filter(
    (one) => one.dataset.kind.split(" ").includes(kind.value)).length && listed() < all));
  page.querySelector(".filters button").click();
  said.push("all again " + (listed() === all));
  search.value = "NO SUCH WORD ANYWHERE"; search.dispatchEvent(new Event("input", {bubbles: true}));
  said.push("none left " + (listed() === 0));
  said.push("panel shown " + !page.querySelector(".filters").hidden);
  said.push("title " + page.title);
  said.push("fetched " + inside.performance.getEntriesByType("resource").filter((e) => !e.name.startsWith("data:")).length);
  said.push("scripts " + page.scripts.length);
  document.getElementById("seen").textContent = said.join("\\n");
}, 500));
</script>"""
"""Opens the page beside it, uses its filters, and writes down what it sees."""


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine")
def test_a_browser_runs_nothing_but_the_pages_own_script(hostile: ReportInputs, tmp_path: Path) -> None:
    html = render(report_page(hostile))
    (tmp_path / "index.html").write_text(html, encoding="utf-8")
    (tmp_path / "probe.html").write_text(PROBE, encoding="utf-8")
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr",
         "--virtual-time-budget=20000", "--dump-dom", (tmp_path / "probe.html").as_uri()],
        capture_output=True, text=True, check=True, timeout=180,
    )  # fmt: skip
    (seen,) = re.findall('<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    title = re.search("<title>(.*?)</title>", html, re.DOTALL)
    assert title
    assert seen.split("\n") == [
        "of one kind true",
        "all again true",
        "none left true",
        "panel shown true",
        f"title {title[1]}",
        "fetched 0",
        "scripts 1",
    ]
    assert "Refused to" not in done.stderr  # nothing even tried what the policy forbids
    assert "Content Security Policy" not in done.stderr
