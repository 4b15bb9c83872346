"""Runs stages in their order: skips what is unchanged, resumes what was stopped, and keeps the record."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from medadapt.core.errors import DiskError, StoppedError
from medadapt.core.progress import Progress
from medadapt.core.run_folder import RunFolder
from medadapt.workflow import existing
from medadapt.workflow.full_disk import as_disk_error
from medadapt.workflow.lock import locked
from medadapt.workflow.outputs import Marks, output_hash, outputs_of, unchanged
from medadapt.workflow.request import RunRequest
from medadapt.workflow.run_book import RunBook
from medadapt.workflow.signals import Interruption, Stopping, stop_signals
from medadapt.workflow.smoke import without_adapter
from medadapt.workflow.stage import Stage, Work
from medadapt.workflow.stage_inputs import changed_inputs, stage_inputs
from medadapt.workflow.state import RunState, StageState, StageStatus, failure_facts, now


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """Which of the stages asked for ran, and which were up to date."""

    run: RunFolder
    state: RunState
    ran: tuple[str, ...]
    skipped: tuple[str, ...]


def run_stages(table: tuple[Stage, ...], request: RunRequest, progress: Progress) -> Ran:
    """Bring the stages asked for up to date, in the order of the table.

    A stage is skipped when its inputs hash to what they did and its files are as it left them. When none
    runs, no file is touched. Raises what the stages raise, RunFolderError, RunBusyError, and StoppedError
    after a signal; run.json then holds the status and the command that resumes.
    """
    run = RunFolder(request.folder)
    existing.refuse_strangers(run)
    earlier, selected = _select(table, request)
    # Source files are looked at before anything is created: a mistyped path leaves no folder behind.
    read = without_adapter(request.recipe) if request.smoke else request.recipe
    sources = {stage.name: stage.sources(read) for stage in selected if stage.sources}
    existing.refuse_missing_run(run, earlier, selected[0])
    checked = not run.path.exists()  # a mistake in the recipe leaves no folder behind either
    if checked:
        _check(selected, request)
    book: RunBook | None = None
    try:
        with locked(run) as sign, stop_signals(progress) as stopping:
            book = RunBook(run, request, sign)
            if book.state:
                book.state = existing.as_read_today(run, book.state, table)
            if book.state and not request.replace:
                existing.refuse_another_recipe(
                    run, book.state, request.recipe, smoke=request.smoke, table=table
                )
            before = _hashes_of(earlier, book, selected[0], request)
            ran = []
            for stage in selected:
                found = sources.get(stage.name, {})
                inputs = stage_inputs(
                    stage, request.recipe, before=before, sources=found, smoke=request.smoke
                )
                later = table[table.index(stage) + 1 :]
                marks = _fresh_outputs(stage, book, inputs, later=later, request=request, progress=progress)
                if marks is None:
                    existing.refuse_other_splits(stage, run, book.state, request.recipe)
                    if not checked:
                        _check(selected[selected.index(stage) :], request)
                        checked = True
                    make_room = partial(
                        _make_room, stage, book, inputs, later=later, request=request, progress=progress
                    )
                    marks = _perform(
                        stage,
                        request,
                        book=book,
                        inputs=inputs,
                        make_room=make_room,
                        stopping=stopping,
                        progress=progress,
                    )
                    ran.append(stage.name)
                before[stage.name] = output_hash(marks)
            book.close(complete=all(_is_done(book, stage) for stage in table))
            state = book.state or book.open()
    except Interruption as problem:
        raise stopped(request, problem, begun=book is not None and book.begun) from problem
    skipped = tuple(stage.name for stage in selected if stage.name not in ran)
    return Ran(run=run, state=state, ran=tuple(ran), skipped=skipped)


def _select(table: tuple[Stage, ...], request: RunRequest) -> tuple[tuple[Stage, ...], tuple[Stage, ...]]:
    names = [stage.name for stage in table]
    first = names.index(request.first) if request.first else 0
    last = names.index(request.last) if request.last else len(names) - 1
    existing.refuse_backward_order(names[first], names[last], backward=last < first)
    return table[:first], table[first : last + 1]


def _check(stages: tuple[Stage, ...], request: RunRequest) -> None:
    """Ask each check of the stages once: what can fail early shall not fail after an hour."""
    for check in dict.fromkeys(check for stage in stages for check in stage.checks):
        check(request)


def _hashes_of(
    earlier: tuple[Stage, ...], book: RunBook, wanted: Stage, request: RunRequest
) -> dict[str, str]:
    """Output hashes of stages that this call does not run, from their files as they are on the disk now.

    Somebody may have exchanged a file on purpose, an adapter for example; the stages after it then see other
    inputs than before and run again. Of a sealed stage that is refused, and so is a stage of another recipe or one
    made from what was exchanged since: what follows would tell of something that never was.
    """
    hashes: dict[str, str] = {}
    for stage in earlier:
        recorded = book.stage(stage.name)
        marks = outputs_of(stage, book.run) if recorded and recorded.status == "done" else None
        if recorded is None or marks is None:
            raise existing.missing_stage(book.run, book.state, stage, wanted)
        if stage.sealed and marks != recorded.outputs:
            raise existing.edited_stage(book.run, stage, wanted)
        now_asked = stage_inputs(stage, request.recipe, before={}, sources={}, smoke=request.smoke)
        if differing := existing.differing_settings(recorded.inputs, now_asked):
            raise existing.stage_of_another_recipe(book.run, stage, wanted, differing)
        for other in earlier:
            made_from = recorded.inputs.get(f"stage {other.name}")
            if other.exchangeable and made_from not in (None, hashes.get(other.name)):
                raise existing.stage_of_other_files(book.run, stage, wanted, other)
        hashes[stage.name] = output_hash(marks)
    return hashes


def _is_done(book: RunBook, stage: Stage) -> bool:
    recorded = book.stage(stage.name)
    return recorded is not None and recorded.status == "done"


def _is_forced(stage: Stage, request: RunRequest) -> bool:
    return request.replace and request.first == stage.name and not request.keep_fresh


def _fresh_outputs(
    stage: Stage,
    book: RunBook,
    inputs: dict[str, str],
    *,
    later: tuple[Stage, ...],
    request: RunRequest,
    progress: Progress,
) -> Marks | None:
    """The outputs of a stage that need not run; None where it must."""
    recorded = book.stage(stage.name)
    if _is_forced(stage, request) or recorded is None or recorded.status != "done":
        return None
    changed = changed_inputs(recorded.inputs, inputs)
    is_older = request.keep_older and changed == ["version"]
    trained = existing.training_in(book.run, later) if is_older else None
    if changed and trained is None:
        return None
    if not unchanged(stage.path(book.run), recorded.outputs):
        return None
    if trained is not None:
        progress.note(existing.kept_older(stage, book.run, trained))
    # Of large files only the size was looked at, and one that was exchanged on purpose may have the same.
    return outputs_of(stage, book.run) if stage.exchangeable else recorded.outputs


def _make_room(
    stage: Stage,
    book: RunBook,
    inputs: dict[str, str],
    *,
    later: tuple[Stage, ...],
    request: RunRequest,
    progress: Progress,
) -> None:
    """Delete what must not be mixed with the result of a stage that is about to run."""
    recorded = book.stage(stage.name)
    if recorded and recorded.inputs == inputs and not _is_forced(stage, request):
        if not stage.costly:
            _tell_losses([stage], book.run, progress)
            book.discard([stage])
        return
    if recorded and not request.replace:
        existing.refuse_losing_work(stage, book.run, changed_inputs(recorded.inputs, inputs), later)
    _tell_losses([stage, *later], book.run, progress)
    book.discard([stage, *later])


def _tell_losses(stages: Iterable[Stage], run: RunFolder, progress: Progress) -> None:
    """Say once what other commands measured on the results that go, and how it comes back."""
    lost = {
        f"{stage.folder}/{name}": command
        for stage in stages
        for name, command in stage.carries.items()
        if (stage.path(run) / name).exists()
    }
    if lost:
        commands = " and ".join(f"`{command}`" for command in lost.values())
        progress.note(
            f"Deleted with the results they were measured on: {', '.join(lost)}. Made again by {commands}."
        )


def _perform(
    stage: Stage,
    request: RunRequest,
    *,
    book: RunBook,
    inputs: dict[str, str],
    make_room: Callable[[], None],
    stopping: Stopping,
    progress: Progress,
) -> Marks:
    """Run one stage and write down how it ended."""
    recorded = book.stage(stage.name)
    spent, began, begun = recorded.seconds if recorded else 0.0, time.monotonic(), False

    def state(status: StageStatus, outputs: Marks | None = None) -> StageState:
        return StageState(
            status=status,
            inputs=inputs,
            outputs=outputs or {},
            # A stage that runs has no time of its own yet: the report shows this record of itself.
            seconds=spent if status == "running" else spent + time.monotonic() - began,
            finished=now() if status == "done" else None,
        )

    def begin() -> None:
        nonlocal spent, begun
        make_room()
        kept = book.stage(stage.name)
        spent = kept.seconds if kept else 0.0
        book.put_stage(stage.name, state("running"))
        begun = True

    work = Work(
        run=book.run,
        device=request.device,
        smoke=request.smoke,
        progress=progress,
        stopping=stopping,
        keep=book.keep,
        make_room=begin,
        on_evaluation=request.on_evaluation,
        should_stop=request.should_stop,
        concurrent=request.concurrent,
    )
    if not stage.reads_first:
        begin()
    try:
        stage.run(request.recipe, work)
        marks = outputs_of(stage, book.run)
        if marks is None:
            raise RuntimeError(f"{stage.name} ended without the files {stage.outputs} in {stage.folder}")
    except BaseException as problem:
        stopped = isinstance(problem, Interruption | StoppedError | KeyboardInterrupt)
        status: StageStatus = "interrupted" if stopped else "failed"
        full = as_disk_error(problem, book.run.path)
        failure = None if stopped else failure_facts(stage.name, full or problem)
        with contextlib.suppress(DiskError):  # on a full disk the first error is the one worth telling
            if begun or recorded is None or recorded.status != "done":
                book.put_stage(stage.name, state(status), status, failure)
            else:
                book.leave(status, failure)
        if stopped:
            number = stopping.signal_number or signal.SIGINT
            raise Interruption(number, at_once=stopping.at_once) from problem
        if full:
            raise full from problem
        raise
    book.put_stage(stage.name, state("done", marks))
    return marks


def stopped(request: RunRequest, by: Interruption, *, begun: bool = True) -> StoppedError:
    """The error after a signal: what was done is kept, and which command goes on.

    What was not begun is not written down, so no command but the one that was given knows what was asked for.
    """
    name = signal.Signals(by.signal_number).name
    if not begun:
        return StoppedError(
            f"Stopped by {name} before anything was changed in {request.folder}.",
            remedy="Give the same command again.",
            signal_number=int(by.signal_number),
        )
    saved = "What was done is saved."
    if by.at_once:
        saved = "It was the second one: what was done since the last checkpoint is not saved."
    return StoppedError(
        f"Stopped by {name}. {saved}",
        remedy=f"`{request.resume_command}` goes on.",
        signal_number=int(by.signal_number),
    )
