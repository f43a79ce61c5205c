"""What a person is told while a run works: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from cfplug.progress import Bar, Lines, Quiet, Reporter

WORDS = st.sampled_from(["reading", "pmf: training", "round", "[bold]item[/bold]", "épisode", ""])
PARTS = st.none() | st.floats(allow_nan=True, allow_infinity=True)
"""What a component may say is done: anything that is called a float."""


def lines(calls: Iterable[tuple[float | None, str]]) -> list[str]:
    """What `Lines` writes of these calls of `progress`."""
    stream = io.StringIO()
    reporter = Lines(stream)
    for done, message in calls:
        reporter.progress(done, message)
    return stream.getvalue().splitlines()


def terminal(width: int = 80) -> Console:
    """A terminal that keeps what is written to it."""
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=width,
        color_system=None,
        legacy_windows=False,
    )


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def bar_of(console: Console) -> str:
    """The bar as it was last drawn."""
    return written(console).replace("\r", "\n").replace("\x1b[2K", "\n").strip().splitlines()[-1]


# Plain lines


def test_a_message_is_printed_unchanged_as_one_line() -> None:
    stream = io.StringIO()
    Lines(stream).say("synthetic: 400 ratings [bold]")
    assert stream.getvalue() == "synthetic: 400 ratings [bold]\n"


def test_lines_go_to_standard_error_and_leave_standard_output_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Lines().progress(None, "writing")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "writing\n")


def test_each_new_piece_of_work_is_a_line() -> None:
    calls = [
        (None, "reading"),
        (None, "reading"),
        (0.1, "pmf: training"),
        (0.9, "pmf: training"),
        (None, "writing"),
    ]
    assert lines(calls) == ["reading", "pmf: training", "writing"]


def test_progress_is_reported_at_each_quarter() -> None:
    calls = [(n / 1000, f"{n:,} of 1,000 bytes") for n in range(1001)]
    assert lines(calls) == [f"{n} of 1,000 bytes" for n in ("0", "250", "500", "750", "1,000")]


def test_steps_of_unknown_number_are_reported_once() -> None:
    assert lines((None, f"{n} bytes so far") for n in range(1000)) == ["0 bytes so far"]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(PARTS, WORDS), max_size=30))
def test_lines_never_fail_never_repeat_themselves_and_invent_nothing(
    calls: list[tuple[float | None, str]],
) -> None:
    reported = lines(calls)
    assert all(one != other for one, other in itertools.pairwise(reported))
    assert set(reported) == {message for _, message in calls} - {""}


# The bar


def test_the_bar_shows_the_work_and_the_part_that_is_done() -> None:
    console = terminal()
    with Bar(console) as bar:
        bar.progress(0.25, "pmf: training")
        bar._bar.refresh()
        assert bar_of(console).startswith("pmf: training ")
        assert " 25% " in bar_of(console)


def test_work_of_unknown_length_has_no_percentage_and_pulses() -> None:
    console = terminal()
    with Bar(console) as bar:
        bar.progress(0.5, "pmf: training")
        bar.progress(None, "writing")
        (task,) = bar._bar.tasks
        assert (task.description, task.total) == ("writing", None)
        bar._bar.refresh()
        assert "%" not in bar_of(console)


def test_other_work_begins_at_its_own_beginning() -> None:
    with Bar(terminal()) as bar:
        bar.progress(0.5, "pmf: training")
        first = bar._bar.tasks[0]
        bar.progress(0.1, "bias: round 1 of 10")
        (second,) = bar._bar.tasks
        assert second.id != first.id
        assert second.completed == 0.1
        bar.progress(0.2, "bias: round 2 of 10")
        (third,) = bar._bar.tasks
        assert (third.id, third.completed, third.description) == (
            second.id,
            0.2,
            "bias: round 2 of 10",
        )


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(PARTS, WORDS), min_size=1, max_size=8))
def test_the_bar_never_fails_and_stays_between_nothing_and_all(
    calls: list[tuple[float | None, str]],
) -> None:
    with Bar(terminal()) as bar:
        for done, message in calls:
            bar.progress(done, message)
            (task,) = bar._bar.tasks
            assert task.description == message
            assert 0 <= task.completed <= 1
            assert (task.total is None) == (done is None or math.isnan(done))


def test_what_is_said_stays_above_the_bar_and_the_bar_goes_away() -> None:
    console = terminal(width=40)
    long = "said: " + "a word " * 12
    with Bar(console) as bar:
        bar.progress(0.25, "working")
        bar.say(long)
    text = written(console)
    assert long in text, (
        "a line is never broken at the width of the terminal, so that it can be copied"
    )
    assert text.rstrip().endswith("\x1b[1A\x1b[2K"), "the bar is wiped"


def test_names_in_brackets_are_shown_as_they_are() -> None:
    console = terminal()
    with Bar(console) as bar:
        bar.progress(0.5, "reading [red]ratings[/red].csv")
        bar.say("read [red]ratings[/red].csv")
        bar._bar.refresh()
    assert written(console).count("[red]ratings[/red].csv") >= 2


def test_an_error_leaves_the_bar_and_the_terminal_as_they_were() -> None:
    console = terminal()
    bar = Bar(console)
    with pytest.raises(ZeroDivisionError), bar:
        raise ZeroDivisionError
    assert not bar._bar.live.is_started
    assert "\x1b[?25h" in written(console), "the cursor is shown again"


@pytest.mark.parametrize(
    "reporter", [Quiet(), Lines(io.StringIO()), Bar(terminal())], ids=["quiet", "lines", "bar"]
)
def test_every_reporter_accepts_every_event(reporter: Reporter) -> None:
    reporter.say("said")
    reporter.progress(None, "reading")
    reporter.progress(0.5, "reading")


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Quiet().say("said")
    Quiet().progress(0.5, "reading")
    assert capsys.readouterr() == ("", "")
