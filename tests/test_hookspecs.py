"""Every hook: that it is documented with its exact arguments, and that it is called as its page says."""

from __future__ import annotations

import inspect
import json
import sys
import typing
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import attrs
import pytest

import cfplug
from cfplug import hookspecs
from cfplug.components import KINDS, Component
from cfplug.discovery import Candidate
from cfplug.registry import HOOK_OF, assemble

WATCHERS = Path(__file__).parent / "zoo" / "watchers"
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("cfplug_")}
OBSERVERS = {
    "cfplug_run_started": cfplug.RunStarted,
    "cfplug_step_finished": cfplug.StepFinished,
    "cfplug_epoch_finished": cfplug.EpochFinished,
    "cfplug_run_finished": cfplug.RunFinished,
}

DECLARED: dict[str, Component] = {
    "source": cfplug.Source("ant", read="zoo:read"),
    "split": cfplug.Splitter("ant", split="zoo:split"),
    "model": cfplug.Model("ant", build="zoo:build"),
    "loss": cfplug.Loss("ant", build="zoo:build"),
    "metric": cfplug.Metric("ant", score="zoo:score"),
    "cold-start": cfplug.ColdStart("ant", adapt="zoo:adapt"),
    "analyzer": cfplug.Analyzer("ant", analyze="zoo:analyze"),
}

RECIPE = """\
title: Watched
data: {use: synthetic, users: 30, items: 17, ratings: 200}
models:
  - use: pmf
    factors: 3
  - use: mean
    name: plain
metrics: [mae, mse]
train: {epochs: 2, batch_size: 32}
analyzers: [bias-ranking]
claims:
  - {metric: mae, model: pmf, at_most: 0.0001}
device: cpu
seed: 7
"""


def plugin_with(hook: str, answer: object) -> Candidate:
    """A plugin that has this hook alone."""
    module = ModuleType("zoo")

    @cfplug.hookimpl
    def answering() -> object:
        return answer

    vars(module)[hook] = answering
    return Candidate("zoo", "cfplug-zoo", "1.2", lambda: module)


# The page


def test_the_hooks_are_one_for_each_kind_and_the_observers() -> None:
    assert list(HOOKS) == [*HOOK_OF.values(), *OBSERVERS]
    assert list(HOOK_OF) == list(KINDS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_says_what_it_is_for(hook: str) -> None:
    assert (inspect.getdoc(HOOKS[hook]) or "").endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_the_hook_of_a_kind_takes_nothing_and_promises_declarations_of_that_kind(kind: str) -> None:
    hook = HOOKS[HOOK_OF[kind]]
    assert list(inspect.signature(hook).parameters) == []
    assert typing.get_type_hints(hook)["return"] == Sequence[KINDS[kind]]


@pytest.mark.parametrize("hook", OBSERVERS)
def test_an_observer_takes_one_frozen_event_with_a_public_name(hook: str) -> None:
    (parameter,) = inspect.signature(HOOKS[hook]).parameters.values()
    event = typing.get_type_hints(HOOKS[hook])["event"]
    assert parameter.name == "event"
    assert event is OBSERVERS[hook]
    assert event.__name__ in cfplug.__all__
    assert inspect.getdoc(event)
    blank = event(*[None] * len(attrs.fields(event)))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(blank, attrs.fields(event)[0].name, 1)


# One test for each hook of a kind


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_hook_returns_is_declared_under_its_kind_and_no_other(kind: str) -> None:
    registry = assemble([plugin_with(HOOK_OF[kind], [DECLARED[kind]])])
    assert registry.plugins[0].hooks == (HOOK_OF[kind],)
    assert registry.find(kind, "zoo/ant").component is DECLARED[kind]
    assert {other: len(registry.entries(other)) for other in KINDS} == {other: int(other == kind) for other in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_that_returns_a_declaration_of_another_kind_is_refused(kind: str) -> None:
    other = "metric" if kind != "metric" else "loss"
    (plugin,) = assemble([plugin_with(HOOK_OF[kind], [DECLARED[kind], DECLARED[other]])]).plugins
    assert plugin.why == (
        f"plugin zoo (cfplug-zoo 1.2) is broken: {HOOK_OF[kind]} must return a list of cfplug.{KINDS[kind].__name__}; "
        f"one entry is cfplug.{KINDS[other].__name__} ant\n"
        "  switch it off with CFPLUG_PLUGINS=-zoo"
    )


# Observers, through a whole run

Watched = tuple[cfplug.Run, list[str], list[tuple[str, object]]]
"""A run, what was said while it went, and what zoo/watchers/listener.py was told."""


class Listening:
    """A teller that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, done: float | None, message: str) -> None:
        pass


def carry_out(folder: Path, *watchers: str) -> tuple[cfplug.Run, list[str]]:
    """The run of RECIPE with copies of these plugins of zoo/watchers, and what a person was told."""
    recipe, plugins = folder / "watched.yaml", folder / "plugins"
    recipe.write_text(RECIPE)
    plugins.mkdir()
    for name in watchers:
        (plugins / f"{name}.py").write_text((WATCHERS / f"{name}.py").read_text())
        sys.modules.pop(name, None)
    teller = Listening()
    return cfplug.run(recipe, out=folder / "runs", plugins_dir=[plugins], teller=teller), teller.said


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A run, what was said, and what zoo/watchers/listener.py was told."""
    run, said = carry_out(tmp_path_factory.mktemp("watched"), "listener")
    return run, said, sys.modules["listener"].told


def told_of(watched: Watched, hook: str) -> list[object]:
    return [event for name, event in watched[2] if name == hook]


def test_cfplug_run_started_is_told_once_before_anything_is_read(
    watched: Watched,
) -> None:
    (event,) = told_of(watched, "cfplug_run_started")
    run = watched[0]
    assert watched[2][0] == ("cfplug_run_started", event)
    assert event == cfplug.RunStarted(
        "Watched", str(run.path.parents[1] / "watched.yaml"), run.path.with_name(run.path.name + ".partial")
    )


def test_cfplug_step_finished_is_told_after_each_step_in_the_order_of_the_run(
    watched: Watched,
) -> None:
    events = told_of(watched, "cfplug_step_finished")
    assert all(type(event) is cfplug.StepFinished and event.seed == 7 and event.seconds >= 0 for event in events)
    assert [(event.step, event.model) for event in events if isinstance(event, cfplug.StepFinished)] == [
        ("read", ""),
        ("split", ""),
        ("train", "pmf"),
        ("score", "pmf"),
        ("score", "pmf"),
        ("analyze", "pmf"),
        ("train", "plain"),
        ("score", "plain"),
        ("score", "plain"),
        ("write", ""),
    ]


def test_cfplug_epoch_finished_is_told_with_the_numbers_of_the_history(
    watched: Watched,
) -> None:
    events = told_of(watched, "cfplug_epoch_finished")
    assert [(event.model, event.seed, event.epoch, event.epochs) for event in events] == [  # type: ignore[attr-defined]
        ("pmf", 7, 1, 2),
        ("pmf", 7, 2, 2),
    ]
    history = (watched[0].path / "history.csv").read_text().splitlines()[1:]
    losses = [tuple(map(float, line.split(",")[4:6])) for line in history]
    assert losses == [(event.train_loss, event.valid_loss) for event in events]  # type: ignore[attr-defined]


def test_cfplug_run_finished_is_told_once_last_with_the_metrics_and_the_claims(
    watched: Watched,
) -> None:
    (event,) = told_of(watched, "cfplug_run_finished")
    run = watched[0]
    assert watched[2][-1] == ("cfplug_run_finished", event)
    rows = json.loads((run.path / "metrics.json").read_text())
    assert event == cfplug.RunFinished(run.path, tuple(tuple(row.values())[:6] for row in rows), False)
    assert run.path.is_dir()


def test_observers_that_raise_leave_or_meddle_become_warnings_and_change_nothing(
    watched: Watched, tmp_path: Path
) -> None:
    run, said = carry_out(tmp_path, "meddler")
    warnings = [line for line in said if line.startswith("warning: ")]
    file = tmp_path / "plugins" / "meddler.py"

    def warning(hook: str, raised: str, line: int, code: str) -> str:
        return f"warning: the observer {hook} of plugin meddler ({file}) raised {raised}\n  at {file}:{line}: {code}"

    frozen, table = (
        "FrozenInstanceError: can't set attribute",
        'raise LookupError(f"no table for the step {event.step}")',
    )
    steps = ("read", "split", "train", "score", "analyze", "write")
    leave = 'raise SystemExit(f"epoch {event.epoch} is enough")'
    fixed = "TypeError: 'tuple' object does not support item assignment"
    assert set(warnings) == {
        warning("cfplug_run_started", frozen, 8, 'event.title = "mine"'),
        *(warning("cfplug_step_finished", f"LookupError: no table for the step {step}", 13, table) for step in steps),
        *(warning("cfplug_epoch_finished", f"SystemExit: epoch {epoch} is enough", 18, leave) for epoch in (1, 2)),
        warning("cfplug_run_finished", fixed, 23, "event.metrics[0][4] = 0.0"),
    }
    assert len(warnings) == 1 + 10 + 2 + 1
    same = ("metrics.json", "claims.json", "predictions.parquet", "models/pmf/weights.safetensors")
    for name in same:
        assert (run.path / name).read_bytes() == (watched[0].path / name).read_bytes(), name
