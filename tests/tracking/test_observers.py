"""Every recorder gets all events; one that fails is reported once and affects no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import Factory, define
from cfplug_tracking import observers
from cfplug_tracking.observers import begin, end, record

import cfplug
from cfplug.plugin.hookspecs import RunFailed, RunFinished, RunStarted, StepFinished

STARTED = RunStarted("t", "t.yaml", Path("runs/t-1.partial"), run=Path("runs/t-1"))
STEP = StepFinished("read", "", 7, 0.1, run=Path("runs/t-1"))
FINISHED = RunFinished(Path("runs/t-1"), (), True)
FAILED = RunFailed(Path("runs/t-1.partial"), "E", (), True, True, Path("runs/t-1"))


@define
class FakeRecorder:
    """A recorder that keeps its events, and raises while it is `broken`."""

    name: str
    broken: bool = False
    events: list[Any] = Factory(list)

    def record(self, event: object) -> None:
        self.events.append(event)
        if self.broken:
            raise OSError(f"{self.name} is\n full")


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> tuple[FakeRecorder, FakeRecorder]:
    """Set two recorders for every run."""
    ant, bee = FakeRecorder("ant"), FakeRecorder("bee")
    monkeypatch.setattr(
        observers, "OPENERS", (lambda event, asked: ant, lambda event, asked: None, lambda *_: bee)
    )
    return ant, bee


def fault(call: Any, event: object) -> str:
    with pytest.raises(cfplug.PluginError) as caught:
        call(event)
    return str(caught.value)


@pytest.mark.parametrize("last", [FINISHED, FAILED])
def test_every_writer_gets_everything_in_order_and_nothing_after_the_end(
    writers: tuple[FakeRecorder, FakeRecorder], last: Any
) -> None:
    begin(STARTED)
    record(STEP)
    end(last)
    record(STEP)
    end(last)
    assert writers[0].events == writers[1].events == [STARTED, STEP, last]


def test_a_writer_that_fails_on_its_way_is_reported_once_and_called_again_at_the_end(
    writers: tuple[FakeRecorder, FakeRecorder],
) -> None:
    ant, bee = writers
    begin(STARTED)
    ant.broken = True
    assert (
        fault(record, STEP) == "OSError: ant is full (the run is not recorded there until it ends)"
    )
    record(STEP)
    record(STEP)
    assert fault(end, FINISHED) == "OSError: ant is full (the run is not recorded there to its end)"
    assert ant.events == [STARTED, STEP, FINISHED]
    assert bee.events == [STARTED, STEP, STEP, STEP, FINISHED]


def test_a_writer_that_fails_at_the_start_is_reported_once_and_never_called_again(
    writers: tuple[FakeRecorder, FakeRecorder],
) -> None:
    ant, bee = writers
    ant.broken = True
    assert fault(begin, STARTED) == "OSError: ant is full (the run is not recorded there)"
    record(STEP)
    end(FINISHED)
    assert (ant.events, bee.events) == ([STARTED], [STARTED, STEP, FINISHED])


def test_the_faults_of_all_writers_are_reported_together(
    writers: tuple[FakeRecorder, FakeRecorder],
) -> None:
    for writer in writers:
        writer.broken = True
    assert (
        fault(begin, STARTED)
        == "OSError: ant is full; and OSError: bee is full (the run is not recorded there)"
    )


def test_ctrl_c_in_a_writer_goes_through(
    writers: tuple[FakeRecorder, FakeRecorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(STARTED)

    def interrupted(self: FakeRecorder, event: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeRecorder, "record", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record(STEP)


def test_runs_at_the_same_time_do_not_hear_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[Path, FakeRecorder] = {}

    def opener(event: RunStarted, asked: object) -> FakeRecorder:
        return made.setdefault(event.run, FakeRecorder(event.run.name))

    monkeypatch.setattr(observers, "OPENERS", (opener,))
    other = RunStarted("u", "u.yaml", Path("runs/u-1.partial"), run=Path("runs/u-1"))
    begin(STARTED)
    begin(other)
    record(STEP)
    end(FINISHED)
    assert [len(made[run].events) for run in (STARTED.run, other.run)] == [3, 1]
    end(RunFinished(other.run, (), True))


def test_a_run_whose_start_was_not_heard_is_ignored() -> None:
    record(STEP)
    end(FINISHED)
