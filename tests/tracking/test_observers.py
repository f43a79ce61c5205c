"""Writers are told what they are owed: one that fails is told of once, and hurts no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import Factory, define
from cfplug_tracking import watching
from cfplug_tracking.watching import begin, end, tell

import cfplug
from cfplug.plugin.hookspecs import RunFailed, RunFinished, RunStarted, StepFinished

STARTED = RunStarted("t", "t.yaml", Path("runs/t-1.partial"), run=Path("runs/t-1"))
STEP = StepFinished("read", "", 7, 0.1, run=Path("runs/t-1"))
FINISHED = RunFinished(Path("runs/t-1"), (), True)
FAILED = RunFailed(Path("runs/t-1.partial"), "E", (), True, True, Path("runs/t-1"))


@define
class Keeping:
    """A writer that keeps what it is told, and raises while it is `broken`."""

    name: str
    broken: bool = False
    told: list[Any] = Factory(list)

    def tell(self, event: object) -> None:
        self.told.append(event)
        if self.broken:
            raise OSError(f"{self.name} is\n full")


@pytest.fixture
def writers(monkeypatch: pytest.MonkeyPatch) -> tuple[Keeping, Keeping]:
    """The two writers that every run has."""
    ant, bee = Keeping("ant"), Keeping("bee")
    monkeypatch.setattr(
        watching, "OPENERS", (lambda event, asked: ant, lambda event, asked: None, lambda *_: bee)
    )
    return ant, bee


def fault(call: Any, event: object) -> str:
    with pytest.raises(cfplug.PluginError) as caught:
        call(event)
    return str(caught.value)


@pytest.mark.parametrize("last", [FINISHED, FAILED])
def test_every_writer_is_told_everything_in_order_and_nothing_after_the_end(
    writers: tuple[Keeping, Keeping], last: Any
) -> None:
    begin(STARTED)
    tell(STEP)
    end(last)
    tell(STEP)
    end(last)
    assert writers[0].told == writers[1].told == [STARTED, STEP, last]


def test_a_writer_that_fails_on_its_way_is_told_of_once_and_asked_again_at_the_end(
    writers: tuple[Keeping, Keeping],
) -> None:
    ant, bee = writers
    begin(STARTED)
    ant.broken = True
    assert fault(tell, STEP) == "OSError: ant is full (the run is not written there until it ends)"
    tell(STEP)
    tell(STEP)
    assert fault(end, FINISHED) == "OSError: ant is full (the run is not written there to its end)"
    assert ant.told == [STARTED, STEP, FINISHED]
    assert bee.told == [STARTED, STEP, STEP, STEP, FINISHED]


def test_a_writer_that_fails_at_the_start_is_told_of_once_and_never_asked_again(
    writers: tuple[Keeping, Keeping],
) -> None:
    ant, bee = writers
    ant.broken = True
    assert fault(begin, STARTED) == "OSError: ant is full (the run is not written there)"
    tell(STEP)
    end(FINISHED)
    assert (ant.told, bee.told) == ([STARTED], [STARTED, STEP, FINISHED])


def test_the_faults_of_all_writers_are_told_together(writers: tuple[Keeping, Keeping]) -> None:
    for writer in writers:
        writer.broken = True
    assert (
        fault(begin, STARTED)
        == "OSError: ant is full; and OSError: bee is full (the run is not written there)"
    )


def test_ctrl_c_in_a_writer_goes_through(
    writers: tuple[Keeping, Keeping], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(STARTED)

    def interrupted(self: Keeping, event: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Keeping, "tell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tell(STEP)


def test_runs_at_the_same_time_do_not_hear_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[Path, Keeping] = {}

    def opener(event: RunStarted, asked: object) -> Keeping:
        return made.setdefault(event.run, Keeping(event.run.name))

    monkeypatch.setattr(watching, "OPENERS", (opener,))
    other = RunStarted("u", "u.yaml", Path("runs/u-1.partial"), run=Path("runs/u-1"))
    begin(STARTED)
    begin(other)
    tell(STEP)
    end(FINISHED)
    assert [len(made[run].told) for run in (STARTED.run, other.run)] == [3, 1]
    end(RunFinished(other.run, (), True))


def test_a_run_whose_start_was_not_heard_is_none_of_our_business() -> None:
    tell(STEP)
    end(FINISHED)
