"""How `medadapt serve` and `medadapt ui` answer on the sample model: first token, pauses, many clients, bad requests.

The run is that of `medadapt demo --task qa`; server and clients share this machine.

    python benchmarks/serving_speed.py          a line of JSON
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from page_client import served_page

CLIENTS, SECONDS = 32, 60.0
ALONE_SECONDS = 20.0
STREAMS = 50
PAGE_QUESTIONS = 20
BAD_REQUESTS = 2000
SEED = 0
CHAT = "/v1/chat/completions"
PATHS = (CHAT, "/v1/completions", "/v1/classify", "/v1/models", "/nothing", "/healthz")


def measure(folder: Path) -> dict[str, Any]:
    """All of it, over one server."""
    run = folder / "qa"
    subprocess.run(
        [sys.executable, "-m", "medadapt", "demo", "--task", "qa", "-o", str(run)],
        check=True,
        capture_output=True,
    )
    questions = [
        json.loads(line)["question"]
        for line in (run / "1-records" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    with served(run) as (url, process, until_ready):
        found: dict[str, Any] = {"until_ready": until_ready, "streams": _streams(url, questions)}
        found["alone"] = asyncio.run(_load(url, questions, clients=1, seconds=ALONE_SECONDS, pid=process.pid))
        found["many"] = asyncio.run(_load(url, questions, clients=CLIENTS, seconds=SECONDS, pid=process.pid))
        found["bad"] = _bad_requests(url)
        found["alive"] = httpx.get(f"{url}/healthz").json()
    return found | {"page": _page(run, questions)}


def section(found: dict[str, Any]) -> Iterator[str]:
    """The part of the results page, as Markdown."""
    alone, many, streams, page = (found[name] for name in ("alone", "many", "streams", "page"))
    yield "### `medadapt serve` and `medadapt ui`\n"
    yield (
        "The run of `medadapt demo --task qa`, server and clients on this machine. Goals: first token under 150 ms "
        f"once loaded, no pause above 200 ms, {CLIENTS} clients without an error at 4 times the throughput of one, "
        "memory flat, no status of 500 or more for bad requests; the page answers 15 s after its command and within "
        "2 s once loaded (both models, side by side).\n"
    )
    lines = [
        "| measured | value |",
        "| --- | --- |",
        f"| from the command to the first answer | {found['until_ready']:.1f} s |",
        f"| first token, median and largest of {streams['n']} streams | {1000 * streams['first_median']:.0f} ms, "
        f"{1000 * streams['first_most']:.0f} ms |",
        f"| largest pause between two pieces | {1000 * streams['pause_most']:.0f} ms |",
        f"| answers per second, one client | {alone['answers_per_s']:.1f} |",
        f"| answers per second, {CLIENTS} clients for {SECONDS:.0f} s | {many['answers_per_s']:.1f} |",
        f"| ratio | {many['answers_per_s'] / alone['answers_per_s']:.1f} |",
        f"| errors among {many['answers']} answers | {many['errors']} |",
        f"| memory of the server, first and last third of these | {many['first_third_mb']} MB, "
        f"{many['last_third_mb']} MB |",
        f"| from `medadapt ui` to its page, and to the first question answered by both models | "
        f"{page['until_page']:.1f} s, {page['until_answer']:.1f} s |",
        f"| a question on the page, median and longest of {PAGE_QUESTIONS} | {page['answer_median']:.2f} s, "
        f"{page['answer_most']:.2f} s |",
        f"| statuses of {sum(found['bad'].values())} bad requests | {_statuses(found['bad'])} |",
    ]
    yield "\n".join(lines) + "\n"


def _statuses(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in sorted(counts.items()))


@contextmanager
def served(run: Path) -> Iterator[tuple[str, subprocess.Popen[str], float]]:
    """A server over a run: its address, its process, and the seconds until its first answer."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "medadapt", "serve", str(run), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split("/v1")[0]
        httpx.post(f"{url}{CHAT}", json=_asked("What causes asthma?"), timeout=60).raise_for_status()
        yield url, process, time.perf_counter() - started
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _page(run: Path, questions: Sequence[str]) -> dict[str, float]:
    """Seconds from `medadapt ui` to its page and to its first answer, and a question's when it is warm."""
    started = time.perf_counter()
    with served_page(run) as page:
        page.ask(questions[0])
        until_answer = time.perf_counter() - started
        took = []
        for question in questions[1 : 1 + PAGE_QUESTIONS]:
            before = time.perf_counter()
            page.ask(question)
            took.append(time.perf_counter() - before)
    return {
        "until_page": page.seconds,
        "until_answer": until_answer,
        "answer_median": statistics.median(took),
        "answer_most": max(took),
    }


def _asked(question: str, **more: Any) -> dict[str, Any]:
    return {"model": "tuned", "messages": [{"role": "user", "content": question}], **more}


def _streams(url: str, questions: Sequence[str]) -> dict[str, Any]:
    """Streams one after another: seconds until the first text, and between any two pieces."""
    firsts, pauses = [], []
    with httpx.Client(timeout=60) as client:
        for number in range(STREAMS):
            body = _asked(questions[number % len(questions)], stream=True)
            before = time.perf_counter()
            times = []
            with client.stream("POST", f"{url}{CHAT}", json=body) as answer:
                for line in answer.iter_lines():
                    if '"content": "' in line and '"content": ""' not in line:
                        times.append(time.perf_counter())
            firsts.append(times[0] - before)
            pauses += [later - one for one, later in pairwise(times)]
    return {
        "n": STREAMS,
        "first_median": statistics.median(firsts),
        "first_most": max(firsts),
        "pause_most": max(pauses),
    }


async def _load(
    url: str, questions: Sequence[str], *, clients: int, seconds: float, pid: int
) -> dict[str, Any]:
    """Clients that ask again and again; what they got, and the server's memory meanwhile."""
    until = time.perf_counter() + seconds
    counts: Counter[str] = Counter()
    memory: list[float] = []

    async def ask(number: int) -> None:
        async with httpx.AsyncClient(timeout=60) as client:
            place = number
            while time.perf_counter() < until:
                answer = await client.post(f"{url}{CHAT}", json=_asked(questions[place % len(questions)]))
                place += clients
                counts["answers"] += 1
                if answer.status_code == 200:
                    counts["tokens"] += answer.json()["usage"]["completion_tokens"]
                else:
                    counts["errors"] += 1

    async def watch() -> None:
        while time.perf_counter() < until:
            memory.append(_memory_mb(pid))
            await asyncio.sleep(0.5)

    started = time.perf_counter()
    await asyncio.gather(watch(), *(ask(number) for number in range(clients)))
    took = time.perf_counter() - started
    third = max(1, len(memory) // 3)
    return {
        "answers": counts["answers"],
        "errors": counts["errors"],
        "answers_per_s": counts["answers"] / took,
        "tokens_per_s": counts["tokens"] / took,
        "first_third_mb": round(statistics.median(memory[:third])),
        "last_third_mb": round(statistics.median(memory[-third:])),
    }


def _memory_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _bad_requests(url: str) -> dict[str, int]:
    """Statuses of requests that are broken in many ways; one that is no JSON error counts as `no JSON`."""
    draw = random.Random(SEED)
    counts: Counter[str] = Counter()
    with httpx.Client(timeout=60) as client:
        for _ in range(BAD_REQUESTS):
            answer = client.request(**_bad(draw, url))
            status = str(answer.status_code)
            if answer.status_code >= 400:
                try:
                    assert answer.json()["error"]["message"]
                except (ValueError, KeyError, AssertionError):
                    status += " no JSON"
            counts[status] += 1
    return dict(counts)


def _bad(draw: random.Random, url: str) -> dict[str, Any]:
    """One request with one thing wrong with it, or several."""
    path = draw.choice(PATHS)
    body: Any = (
        _asked("itching", max_tokens=1) if path == CHAT else {"model": "tuned", "prompt": "a", "input": "a"}
    )
    headers = {"Content-Type": "application/json"}
    content: bytes = json.dumps(body).encode()
    method = "POST"
    for _ in range(draw.randrange(1, 3)):
        match draw.randrange(9):
            case 0:
                content = content[: draw.randrange(len(content))]
            case 1:
                content = draw.randbytes(draw.randrange(1, 2000))
            case 2:
                key = draw.choice([*body, "temperature", "n", "stop", "seed", "stream", "tools", "messages"])
                body[key] = draw.choice(
                    [None, -1, 10**30, "x", [], {}, [[]], {"a": {"b": []}}, True, "\u0000", 1e308]
                )
                content = json.dumps(body).encode()
            case 3:
                content = b" " * (1 << 20) + content
            case 4:
                headers["Host"] = draw.choice(["evil.example", "", "localhost:1:2", "[::1", "a" * 300])
            case 5:
                headers["Content-Type"] = draw.choice(
                    ["text/plain", "application/xml", "", "multipart/form-data"]
                )
            case 6:
                method = draw.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
            case 7:
                content = b'{"a":' * 2000
            case _:
                headers["Origin"] = draw.choice(
                    ["https://evil.example", "null", "file://", "http://localhost:1"]
                )
    return {"method": method, "url": f"{url}{path}", "content": content, "headers": headers}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        measured = measure(Path(scratch))
    print(json.dumps(measured))
    print("\n".join(section(measured)), file=sys.stderr)
