"""The layout of the page, in Gradio's components, fitted to what the run was trained for."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from medadapt.core.records import Record
from medadapt.core.results import MODEL_NAMES
from medadapt.examples.templates import render_prompt
from medadapt.serving.asked import Asked
from medadapt.serving.asking import Asking
from medadapt.serving.page import panels
from medadapt.serving.page.asking import ON_PAGE, Service, Turns, View, Wish, answered
from medadapt.serving.page.inputs import BETWEEN, Offer
from medadapt.serving.page.side_by_side import Stop

BOTH, TUNED, BASE = "Both models", "Tuned model", "Base model"
WHO = {BOTH: MODEL_NAMES, TUNED: ("tuned",), BASE: ("baseline",)}
LONGEST_QUESTION = 100_000
CAREFUL = (
    "To be wrong in at most one of ten answers, as measured on this run's validation records; they were asked without "
    "passages."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the page says of the run."""

    name: str
    does: str
    """What the models were trained for, in a sentence."""
    proof: str
    """The proof card as HTML."""
    has_report: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """The fields of the question; those that the task has no use for are None."""

    picked: Any
    question: Any
    context: Any
    options: Any
    qtype: Any

    @property
    def all(self) -> list[Any]:
        fields = (self.picked, self.question, self.context, self.options, self.qtype)
        return [field for field in fields if field is not None]


def build_page(service: Service, offer: Offer, about: About) -> gr.Blocks:
    """The page over what stands behind it."""
    page = gr.Blocks(title=f"MedAdapt: {about.name}", analytics_enabled=False)
    with page:
        gr.HTML(_head(about), elem_classes="head")
        gr.HTML(panels.notice(), elem_id="notice")
        fields = _question_fields(service, offer)
        with gr.Row():
            ask = gr.Button("Ask", variant="primary", min_width=90, elem_id="ask")
            stop = gr.Button("Stop", min_width=90, elem_id="stop")
            clear = gr.Button("Start over" if _converses(service) else "Clear", min_width=90, elem_id="clear")
        wishes = _wishes(service)
        alerts = gr.HTML(elem_id="alerts")
        with gr.Row(equal_height=True, elem_id="answers"):
            answers = [gr.HTML(panels.idle(model), elem_id=model, min_width=320) for model in MODEL_NAMES]
        with gr.Accordion(
            "Passages that stood in the prompt", visible=service.grounding is not None, elem_id="sources"
        ):
            passages = gr.HTML()
        with gr.Accordion("Did tuning help? The proof card", open=False, elem_id="proof"):
            gr.HTML(about.proof)
        turns = gr.State({})
        _add_examples(offer, fields)
        shown = [alerts, *answers, passages, turns]
        asked = _asked_with(fields, offer)

        stops: dict[str | None, Stop] = {}

        def on_ask(request: gr.Request, held: Turns, *values: Any) -> Generator[list[Any]]:
            count = len(fields.all)
            question, wish = asked(values[:count]), _wish(values[count:])
            session, ends = request.session_hash, Stop()
            stops[session] = ends
            try:
                for view, after in answered(service, question, wish, held, ends):
                    if ends.forgotten:
                        break
                    yield _shown(view, after)
                if ends.forgotten:  # the last that the browser hears of it, also where it was cleared before
                    yield _shown(View(), {})
            finally:
                if stops.get(session) is ends:
                    del stops[session]

        def on_stop(request: gr.Request) -> None:
            if (ends := stops.get(request.session_hash)) is not None:
                ends.press()

        def on_clear(request: gr.Request) -> list[Any]:
            if (ends := stops.get(request.session_hash)) is not None:
                ends.press(forget=True)
            emptied = [None if field is fields.qtype else _empty(field) for field in fields.all]
            return [*_shown(View(), {}), *emptied]

        # One event for both: Enter and a click must not begin two answers.
        gr.on(
            [ask.click, fields.question.submit], on_ask, [turns, *fields.all, *wishes], shown,
            show_progress="hidden", api_visibility="private", concurrency_limit=None, trigger_mode="once",
        )  # fmt: skip
        stop.click(on_stop, queue=False, show_progress="hidden", api_visibility="private")
        clear.click(
            on_clear,
            None,
            [*shown, *fields.all],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
    return page


def _converses(service: Service) -> bool:
    return service.desk.assistant.asking.converses


def _head(about: About) -> str:
    report = '<a href="/report" target="_blank" rel="noopener">Report</a>' if about.has_report else ""
    notes = "".join(f'<p class="small">{escape(note)}</p>' for note in about.notes)
    return (
        f'<h1>{panels.told(about.name)}</h1><p>{escape(about.does)}</p>{notes}<p class="links">{report}</p>'
    )


def _question_fields(service: Service, offer: Offer) -> _Inputs:
    asking = service.desk.assistant.asking
    picked = context = options = qtype = None
    if offer.symptoms:
        picked = gr.Dropdown(
            choices=list(offer.symptoms), value=[], multiselect=True, allow_custom_value=False, filterable=True,
            label="Symptoms", info="Type to search, Enter to pick.", elem_id="symptoms",
        )  # fmt: skip
    label = {
        "diagnosis": "Or in words" if offer.symptoms else "Symptoms",
        "multiple_choice": "Question",
        "qa": "Message" if asking.converses else "Question",
    }[asking.task]
    question = gr.Textbox(
        label=label, lines=1, max_lines=12, elem_id="question",
        placeholder="Enter asks; Shift+Enter starts a new line.", max_length=LONGEST_QUESTION,
        autofocus=not offer.symptoms,
    )  # fmt: skip
    if offer.contexts and _reads_contexts(asking):
        context = gr.Textbox(
            label=ON_PAGE.context, lines=3, max_lines=12, elem_id="context", max_length=LONGEST_QUESTION,
            info="As in the training data, where the question is about such a text.",
        )  # fmt: skip
    if asking.task == "multiple_choice":
        hidden = (
            None
            if asking.plan.wording.options
            else "The models do not see them, as in training: they are weighed."
        )
        options = gr.Textbox(
            label="Options, one a line", info=hidden, lines=4, max_lines=26, elem_id="options"
        )
    if asking.plan.wording.template == "typed_question":
        qtype = gr.Dropdown(
            choices=list(offer.types), value=None, allow_custom_value=True, label="Type of question", elem_id="qtype",
            info="As in the training data; answers may be better with it.",
        )  # fmt: skip
    return _Inputs(picked=picked, question=question, context=context, options=options, qtype=qtype)


def _reads_contexts(asking: Asking) -> bool:
    """Whether the prompt has a place for a text beside the question."""
    beside = Record(id="asked", source_row=1, group="asked", question="?", answer="", context="a text")
    alone = replace(beside, context=None)
    return render_prompt(beside, asking.plan.wording) != render_prompt(alone, asking.plan.wording)


def _wishes(service: Service) -> list[Any]:
    closed = service.desk.assistant.asking.task != "qa"
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        who = gr.Radio(list(WHO), value=BOTH, label="Who answers", elem_id="who")
        temperature = gr.Slider(
            0, 1.5, value=0, step=0.1, label="Variety", elem_id="temperature",
            info="0 always gives the likeliest answer, as in the evaluation.",
        )  # fmt: skip
        careful = gr.Checkbox(
            value=False, visible=closed and bool(service.rules), elem_id="careful",
            label="Answer only where the model is sure enough",
            info=CAREFUL,
        )  # fmt: skip
        indexed = service.grounding is not None
        grounded = gr.Checkbox(
            value=indexed, visible=indexed, elem_id="grounded",
            label="Put passages that fit the question into the prompt",
            info=f"Not together with “{careful.label}”." if careful.visible else None,
        )  # fmt: skip
        # The other way round nothing has to happen: while one is ticked the other cannot be.
        careful.input(
            lambda only_sure: gr.update(value=indexed and not only_sure, interactive=not only_sure),
            careful, grounded, queue=False, show_progress="hidden", api_visibility="private",
        )  # fmt: skip
    return [who, temperature, careful, grounded]


def _wish(values: Sequence[Any]) -> Wish:
    who, temperature, careful, grounded = values
    return Wish(
        models=tuple(WHO[who]), temperature=float(temperature), careful=bool(careful), grounded=bool(grounded)
    )


def _asked_with(fields: _Inputs, offer: Offer) -> Any:
    """What turns the values of the fields into a question."""

    def asked(values: Sequence[Any]) -> Asked:
        given = iter(values)
        picked = next(given) or [] if fields.picked is not None else []
        typed = next(given) or ""
        context = next(given) if fields.context is not None else None
        options = (next(given) or "").splitlines() if fields.options is not None else []
        qtype = next(given) if fields.qtype is not None else None
        return Asked(
            question=offer.separator.join([*picked, *([typed.strip()] if typed.strip() else [])]),
            context=context or None,
            options=tuple(option.strip() for option in options if option.strip()),
            qtype=qtype or None,
        )

    return asked


def _shown(view: View, turns: Turns) -> list[Any]:
    answers = [view.answers.get(model, panels.idle(model)) for model in MODEL_NAMES]
    return [view.emergency + view.problem, *answers, view.passages, turns]


def _empty(field: Any) -> Any:
    return [] if isinstance(field, gr.Dropdown) else ""


def _add_examples(offer: Offer, fields: _Inputs) -> None:
    if not offer.examples:
        return
    rows, labels = [], []
    for record in offer.examples:
        values: list[Any] = []
        if fields.picked is not None:
            values.append([one for one in BETWEEN.split(record.question) if one in offer.symptoms])
        values.append("" if fields.picked is not None else record.question)
        if fields.context is not None:
            values.append(record.context or "")
        if fields.options is not None:
            values.append("\n".join(record.options or []))
        if fields.qtype is not None:
            values.append(record.qtype)
        rows.append(values)
        labels.append(record.question if len(record.question) <= 80 else record.question[:79] + "…")
    gr.Examples(
        rows, fields.all, example_labels=labels, label="Examples, from the training records",
        cache_examples=False, api_visibility="private",
    )  # fmt: skip
