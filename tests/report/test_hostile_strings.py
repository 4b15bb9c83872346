"""A hundred hostile strings everywhere in the data: shown as text, and nothing else, in a parser and in a browser."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hostile_runs import hostile_choices, hostile_questions
from hostile_strings import STRINGS
from page_reader import assert_inert

from medadapt.report.building import report_page
from medadapt.report.clean_text import visible
from medadapt.report.html import render
from medadapt.report.inputs import ReportInputs
from medadapt.report.model_card import model_card

RUNS = {"choices": hostile_choices, "questions": hostile_questions}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in BROWSERS if (found := shutil.which(name))), "")
MOST_SHOWN = 300
"""Characters that the page shows of any text, whatever it cuts."""


@pytest.fixture(params=[*RUNS])
def hostile(request: pytest.FixtureRequest) -> ReportInputs:
    """A run whose texts are all hostile."""
    build: Callable[..., ReportInputs] = RUNS[request.param]
    return build(STRINGS)


def test_there_are_a_hundred_of_them() -> None:
    assert len(set(STRINGS)) == len(STRINGS) >= 100


def test_every_string_is_shown_as_text_and_becomes_nothing_else(hostile: ReportInputs) -> None:
    read = assert_inert(render(report_page(hostile)))
    missing = [text for text in STRINGS if visible(text).strip()[:MOST_SHOWN] not in read.text]
    assert missing == []


@pytest.mark.parametrize("build", RUNS.values(), ids=RUNS)
def test_no_text_of_a_record_stands_in_the_model_card(build: Callable[..., ReportInputs]) -> None:
    made = build([f"unmistakable{number}" for number in range(100)])
    # Names of files are told on purpose.
    inputs = dataclasses.replace(made, data={**made.data, "sources": {}})
    assert all("unmistakable" in record.question for record in inputs.test)
    assert "unmistakable" not in model_card(inputs)


def test_no_string_becomes_markup_in_the_model_card(hostile: ReportInputs) -> None:
    body = model_card(hostile)
    assert "question <" not in body
    assert not re.search("[\x00-\x08\x1b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", body)
    assert "<script" not in body.lower()


PROBE = """<!doctype html><meta charset="utf-8"><title>waiting</title><body><iframe id="page" src="index.html"></iframe>
<pre id="seen"></pre><script>
const said = [];
addEventListener("load", () => setTimeout(() => {
  const page = document.getElementById("page").contentDocument;
  const cases = [...page.querySelectorAll(".case")], search = page.querySelector(".filters input");
  for (const one of cases) one.open = true;
  const kind = page.querySelector('.filters select[name="kind"]');
  const listed = () => cases.filter((one) => !one.hidden).length;
  const all = listed();
  kind.selectedIndex = 1; kind.dispatchEvent(new Event("input", {bubbles: true}));
  said.push("of one kind: " + (listed() === cases.filter(
    (one) => one.dataset.kind.split(" ").includes(kind.value)).length && listed() < all));
  page.querySelector(".filters button").click();
  said.push("all again: " + (listed() === all));
  search.value = "NO SUCH WORD ANYWHERE"; search.dispatchEvent(new Event("input", {bubbles: true}));
  said.push("none left: " + (listed() === 0));
  said.push("panel shown: " + !page.querySelector(".filters").hidden);
  said.push("title ends: " + page.title.split(": ").pop());
  said.push("scripts: " + page.scripts.length);
  document.getElementById("seen").textContent = said.join("\\n");
}, 500));
</script>"""
"""Opens the page beside it, uses its filters, and writes down what it sees."""


def looked_at(html: str, folder: Path) -> tuple[dict[str, str], list[str]]:
    """What the probe wrote down of the page, by its first words, and what the browser asked any server for.

    Every host of the browser is a server of this test, so that no request can go unseen. What the browser asks
    its maker for on its own account is left out.
    """
    (folder / "index.html").write_text(html, encoding="utf-8")
    (folder / "probe.html").write_text(PROBE, encoding="utf-8")
    asked: list[str] = []

    class Listening(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host']}{self.path}")
            super().do_GET()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Listening, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--host-resolver-rules=MAP * 127.0.0.1:{server.server_port}", f"--user-data-dir={folder / 'profile'}",
         "--virtual-time-budget=20000", "--dump-dom", "http://page.test/probe.html"],
        capture_output=True, text=True, check=True, timeout=180,
    )  # fmt: skip
    server.shutdown()
    server.server_close()
    (seen,) = re.findall('<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    ours = {f"page.test/{name}" for name in ("probe.html", "index.html", "favicon.ico")}
    others = sorted(url for url in {*asked} - ours if "google" not in url.partition("/")[0])
    return dict(line.rsplit(": ", 1) for line in seen.split("\n")), others


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine")
def test_a_browser_runs_nothing_but_the_pages_own_script(hostile: ReportInputs, tmp_path: Path) -> None:
    seen, asked = looked_at(render(report_page(hostile)), tmp_path)
    assert seen == {
        "of one kind": "true",
        "all again": "true",
        "none left": "true",
        "panel shown": "true",
        "title ends": "did tuning help?",
        "scripts": "1",
    }
    assert asked == []


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine")
def test_the_probe_would_see_a_script_and_a_request(tmp_path: Path) -> None:
    html = render(report_page(hostile_choices(STRINGS)))
    html = re.sub("<meta http-equiv=[^>]*>", "", html).replace(
        "</body>", "<img src=//x.invalid/a.png><script>document.title = 'x: pwned'</script></body>"
    )
    seen, asked = looked_at(html, tmp_path)
    assert (seen["title ends"], seen["scripts"]) == ("pwned", "2")
    assert asked == ["x.invalid/a.png"]
