"""CFPLUG_TRACE tells every call of a hook, and costs nothing where it is off."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import cfplug
from cfplug.plugin.discovery import Candidate
from cfplug.plugin.registry import Registry, assemble, load

STARTED = cfplug.RunStarted("Tiny", "tiny.yaml", Path("runs/tiny.partial"))


def plugin(name: str, **hooks: Callable[..., Any]) -> Candidate:
    module = ModuleType(name)
    for hook, function in hooks.items():
        vars(module)[hook] = cfplug.hookimpl(function)
    return Candidate(name, "tests", "1.2", lambda: module)


def metrics(count: int) -> Callable[[], list[cfplug.Metric]]:
    return lambda: [cfplug.Metric(f"best-{number}", score="zoo:score") for number in range(count)]


def told(text: str) -> list[str]:
    """The lines of a trace, each without its milliseconds, which must be there."""
    lines = [re.fullmatch(r"(trace: .*), \d+\.\d ms", line) for line in text.splitlines()]
    assert all(lines), text
    return [line[1] for line in lines if line]


def notify(registry: Registry, event: object = STARTED) -> list[str]:
    return list(registry.notify("cfplug_run_started", event))


def test_every_call_is_told_with_who_answered_what(capsys: pytest.CaptureFixture[str]) -> None:
    def silent() -> None:
        return None

    def raising() -> None:
        raise LookupError("no model\ntoday")

    def empty() -> list[cfplug.Loss]:
        return []

    assemble(
        [
            plugin("ant", cfplug_metrics=metrics(3), cfplug_losses=empty),
            plugin("bee", cfplug_metrics=metrics(1), cfplug_cold_starts=silent),
            plugin("cat", cfplug_models=raising),
            plugin("dog", cfplug_cold_starts=lambda: 7),
        ],
        tracing="1",
    )
    shown = capsys.readouterr()
    assert shown.out == ""
    assert told(shown.err) == [
        "trace: cfplug_losses of ant: 0 losses",
        "trace: cfplug_metrics of ant: 3 metrics",
        "trace: cfplug_metrics of bee: 1 metric",
        "trace: cfplug_cold_starts of bee: nothing of use",
        "trace: cfplug_models of cat: raised 'LookupError: no model\\ntoday'",
        "trace: cfplug_cold_starts of dog: nothing of use",
    ]


def test_observers_are_told_with_their_event(capsys: pytest.CaptureFixture[str]) -> None:
    def listen(event: cfplug.RunStarted) -> None:
        pass

    def leave(event: cfplug.RunStarted) -> None:
        raise SystemExit

    candidates = [plugin("ant", cfplug_run_started=listen), plugin("bee", cfplug_run_started=leave)]
    registry = assemble(candidates, tracing="yes")
    capsys.readouterr()
    assert len(notify(registry)) == 1, "what is traced still is a warning"
    assert told(capsys.readouterr().err) == [
        f"trace: cfplug_run_started of ant told {STARTED!r}: done",
        f"trace: cfplug_run_started of bee told {STARTED!r}: raised SystemExit",
    ]


def test_a_long_event_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    registry = assemble([plugin("ant", cfplug_run_started=lambda event: None)], tracing="1")
    notify(registry, cfplug.RunStarted("x" * 999, "tiny.yaml", Path()))
    (line,) = told(capsys.readouterr().err)
    assert line.endswith("x...: done")
    assert len(line) < 260


def test_a_call_within_a_call_has_its_own_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(event: object) -> None:
        list(registry.notify("cfplug_run_finished", event))

    candidates = [
        plugin("ant", cfplug_run_finished=lambda event: None),
        plugin("bee", cfplug_run_started=ask),
    ]
    registry = assemble(candidates, tracing="1")
    seconds = iter([0.0, 1.0, 1.25, 4.0])
    monkeypatch.setattr(
        "cfplug.plugin.tracing.time", SimpleNamespace(perf_counter=lambda: next(seconds))
    )
    notify(registry)
    assert [
        (line.split()[3], line.split()[-2]) for line in capsys.readouterr().err.splitlines()
    ] == [
        ("ant", "250.0"),
        ("bee", "4000.0"),
    ]


def test_a_file_gets_the_lines_at_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "trace.txt"
    for count in (1, 2):
        assemble([plugin("ant", cfplug_metrics=metrics(count))], tracing=f" {file} ")
    assert told(file.read_text()) == [
        "trace: cfplug_metrics of ant: 1 metric",
        "trace: cfplug_metrics of ant: 2 metrics",
    ]
    assert capsys.readouterr().err == ""


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "trace.txt"
    with pytest.raises(cfplug.PluginError) as caught:
        assemble([], tracing=str(file))
    assert str(caught.value) == f"CFPLUG_TRACE={file}: cannot be written: No such file or directory"


@pytest.mark.parametrize("setting", ["", "0", "no", "Off", "false", " "])
def test_where_it_is_off_pluggy_calls_hooks_as_if_there_were_no_trace(
    setting: str, capsys: pytest.CaptureFixture[str]
) -> None:
    on, off, bare = (
        assemble([plugin("ant", cfplug_metrics=metrics(3))], tracing=each)
        for each in ("1", setting, "")
    )
    assert off.manager._inner_hookexec is bare.manager._inner_hookexec
    assert on.manager._inner_hookexec is not bare.manager._inner_hookexec
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_environment_says_whether_it_is_on(capsys: pytest.CaptureFixture[str]) -> None:
    load(environment={"CFPLUG_TRACE": "1", "CFPLUG_PLUGINS": "losses"})
    assert re.fullmatch(
        r"trace: cfplug_losses of losses: \d losses, .* ms\n", capsys.readouterr().err
    )
    load(environment={"CFPLUG_PLUGINS": "losses"})
    assert capsys.readouterr().err == ""
