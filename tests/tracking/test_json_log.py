"""The log: one complete JSON object for each event, also if several runs share the file."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from cfplug_tracking.json_log import JsonLog, open_log, to_json

import cfplug
from cfplug.plugin.hookspecs import EpochFinished, RunFailed, RunFinished, RunStarted, StepFinished

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)
RUN = Path("runs/pmf-1")
EVENTS = (
    RunStarted(
        "a \u2028 title\n",
        "a.yaml",
        Path("runs/pmf-1.partial"),
        True,
        RUN,
        {"models": [{"factors": 3}], "seeds": [7]},
    ),
    StepFinished("train", "Müller", 7, 0.5, "u1", RUN, "factors/pmf"),
    EpochFinished("pmf", 7, 1, 5, float("nan"), float("inf"), 0.25, "", RUN),
    RunFinished(RUN, (("pmf", np.int64(7), "", "valid", "mse", np.float64(0.5)),), True),  # type: ignore[arg-type]
    RunFailed(Path("runs/pmf-1.partial"), "ValueError: no", ("in step train",), False, True, RUN),
)


@pytest.mark.parametrize("event", EVENTS)
def test_a_line_has_the_name_the_time_the_run_and_every_field_of_its_event(event: Any) -> None:
    text = to_json(event, NOON)
    assert len(text.splitlines()) == 1
    data = json.loads(text, parse_constant=pytest.fail)
    assert list(data)[:3] == ["event", "time", "run"]
    assert data["time"] == "2026-03-01T12:00:00.123+00:00"
    assert data["run"] == "runs/pmf-1"
    assert set(data) == {"event", "time", "run", *(each.name for each in attrs.fields(type(event)))}


def test_the_name_of_an_event_is_that_of_its_hook() -> None:
    names = [json.loads(to_json(event, NOON))["event"] for event in EVENTS]
    assert names == ["run_started", "step_finished", "epoch_finished", "run_finished", "run_failed"]


def test_values_stay_what_they_are_and_what_json_has_not_is_null() -> None:
    started, step, epoch, finished, failed = (json.loads(to_json(event, NOON)) for event in EVENTS)
    assert (started["title"], started["resumed"]) == ("a \u2028 title\n", True)
    assert started["resolved"] == {"models": [{"factors": 3}], "seeds": [7]}
    assert (step["model"], step["seed"], step["seconds"]) == ("Müller", 7, 0.5)
    assert (epoch["train_loss"], epoch["valid_loss"], epoch["seconds"]) == (None, None, 0.25)
    assert finished["metrics"] == [
        {"model": "pmf", "seed": 7, "fold": "", "part": "valid", "metric": "mse", "value": 0.5}
    ]
    assert failed["where"] == ["in step train"]


def test_lines_are_there_as_soon_as_they_are_recorded_and_go_after_what_was_there(
    tmp_path: Path,
) -> None:
    file = tmp_path / "e.jsonl"
    file.write_text('{"event": "mine"}\n')
    log = JsonLog(file)
    for events, event in enumerate(EVENTS, start=2):
        log.record(event)
        assert len(file.read_text().splitlines()) == events
    assert json.loads(file.read_text().splitlines()[0]) == {"event": "mine"}


WRITER = """
import sys
from pathlib import Path
from cfplug.plugin.hookspecs import EpochFinished
from cfplug_tracking.json_log import JsonLog
log, run = JsonLog(Path(sys.argv[1])), Path(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for epoch in range(300):
    log.record(EpochFinished("m" * 3000, 7, epoch, 300, 1.0, 2.0, 0.1, "", run))
"""


def test_runs_that_write_into_one_file_at_once_never_mix_within_a_line(tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("ant", "bee", "cat")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n")
    epochs: dict[str, list[int]] = {"ant": [], "bee": [], "cat": []}
    for text in file.read_text().splitlines():
        data = json.loads(text)
        epochs[data["run"]].append(data["epoch"])
    assert epochs == {name: list(range(300)) for name in epochs}


def test_the_log_is_seen_from_where_the_run_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = open_log(EVENTS[0], {"CFPLUG_LOG": "e.jsonl"})  # type: ignore[arg-type]
    monkeypatch.chdir("/")
    assert log == JsonLog(tmp_path / "e.jsonl")


@pytest.mark.parametrize("environment", [{}, {"CFPLUG_LOG": ""}])
def test_no_log_is_opened_where_none_is_named(environment: dict[str, str]) -> None:
    assert open_log(EVENTS[0], environment) is None  # type: ignore[arg-type]


def test_a_log_that_cannot_be_written_is_reported_with_its_place(tmp_path: Path) -> None:
    for place, why in (
        (tmp_path, "Is a directory"),
        (tmp_path / "no" / "e.jsonl", "No such file or directory"),
    ):
        with pytest.raises(cfplug.PluginError) as caught:
            JsonLog(place).record(EVENTS[1])
        assert str(caught.value) == f"CFPLUG_LOG={place}: cannot be written: {why}"


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no disk that is always full"
)
def test_a_full_disk_is_reported() -> None:
    with pytest.raises(
        cfplug.PluginError, match="CFPLUG_LOG=/dev/full: cannot be written: No space left on device"
    ):
        JsonLog(Path("/dev/full")).record(EVENTS[1])
