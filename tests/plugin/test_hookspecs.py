"""Every hook is documented with its exact arguments and called as its page says."""

from __future__ import annotations

import inspect
import json
import reprlib
import sys
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import attrs
import pytest

import cfplug
from cfplug.plugin import hookspecs
from cfplug.plugin.components import KINDS, Component
from cfplug.plugin.discovery import Candidate
from cfplug.plugin.hookspecs import EpochFinished, RunFailed, RunFinished, RunStarted, StepFinished
from cfplug.plugin.registry import HOOK_OF, assemble
from tests.test_structure import PUBLIC_MODULES

ZOO = Path(__file__).parents[1] / "zoo"
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("cfplug_")}
OBSERVERS = {
    "cfplug_run_started": RunStarted,
    "cfplug_step_finished": StepFinished,
    "cfplug_epoch_finished": EpochFinished,
    "cfplug_run_finished": RunFinished,
    "cfplug_run_failed": RunFailed,
}

DECLARED: dict[str, Component] = {
    "source": cfplug.Source("ant", read="zoo:read"),
    "split": cfplug.SplitMethod("ant", split="zoo:split"),
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
UNREADABLE = RECIPE.replace("{use: synthetic,", "{use: unreadable} #")
"""The same recipe with a source that raises."""


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
def test_every_hook_has_a_test_with_its_name(hook: str) -> None:
    assert any(name.startswith(f"test_{hook}_") for name in globals())


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
    assert event.__module__ in PUBLIC_MODULES
    assert inspect.getdoc(event)
    blank = event(
        **{each.name: None for each in attrs.fields(event) if each.default is attrs.NOTHING}
    )
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(blank, attrs.fields(event)[0].name, 1)


def test_the_resolved_recipe_of_an_event_cannot_be_changed_at_any_depth() -> None:
    mine: dict[str, Any] = {"models": [{"name": "pmf", "train": {"epochs": 5}}], "seeds": [1, 2]}
    event = RunStarted("t", "t.yaml", Path("runs/t.partial"), resolved=mine)
    mine["models"][0]["train"]["epochs"] = 6
    assert event.resolved["models"][0]["train"]["epochs"] == 5
    for table in (
        event.resolved,
        event.resolved["models"][0],
        event.resolved["models"][0]["train"],
    ):
        with pytest.raises(TypeError, match="does not support item assignment"):
            cast(Any, table)["name"] = "mine"
    assert event.resolved["seeds"] == (1, 2)
    assert hash(event) == hash(RunStarted("t", "t.yaml", Path("runs/t.partial")))


# One test for each hook of a kind


def assert_declared(kind: str, hook: str) -> None:
    """What a plugin's `hook` returns is found under `kind` and no other."""
    registry = assemble([plugin_with(hook, [DECLARED[kind]])])
    assert registry.plugins[0].hooks == (hook,)
    assert registry.find(kind, "zoo/ant").component is DECLARED[kind]
    assert {other: len(registry.entries(other)) for other in KINDS} == {
        other: int(other == kind) for other in KINDS
    }


def test_cfplug_sources_declares_sources() -> None:
    assert_declared("source", "cfplug_sources")


def test_cfplug_splits_declares_splits() -> None:
    assert_declared("split", "cfplug_splits")


def test_cfplug_models_declares_models() -> None:
    assert_declared("model", "cfplug_models")


def test_cfplug_losses_declares_losses() -> None:
    assert_declared("loss", "cfplug_losses")


def test_cfplug_metrics_declares_metrics() -> None:
    assert_declared("metric", "cfplug_metrics")


def test_cfplug_cold_starts_declares_cold_starts() -> None:
    assert_declared("cold-start", "cfplug_cold_starts")


def test_cfplug_analyzers_declares_analyzers() -> None:
    assert_declared("analyzer", "cfplug_analyzers")


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_that_returns_a_declaration_of_another_kind_is_refused(kind: str) -> None:
    other = "metric" if kind != "metric" else "loss"
    (plugin,) = assemble([plugin_with(HOOK_OF[kind], [DECLARED[kind], DECLARED[other]])]).plugins
    assert plugin.why == (
        f"plugin zoo (cfplug-zoo 1.2) is broken: {HOOK_OF[kind]} must return a list of "
        f"cfplug.{KINDS[kind].__name__}; "
        f"one entry is {reprlib.repr(DECLARED[other])}\n"
        "  switch it off with CFPLUG_PLUGINS=-zoo"
    )


# Observers, through a whole run

Watched = tuple[cfplug.Run, list[str], list[tuple[str, object]]]
"""A run, what was said while it went, and what was reported to zoo/watchers/listener.py."""


class Listening:
    """A reporter that keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, done: float | None, message: str) -> None:
        pass


def carry_out(
    folder: Path, *plugins: str, text: str = RECIPE, reporter: Listening | None = None
) -> tuple[cfplug.Run, list[str]]:
    """Run a recipe with copies of these files of the zoo as plugins; return what was said."""
    recipe, place, reporter = folder / "watched.yaml", folder / "plugins", reporter or Listening()
    recipe.write_text(text)
    place.mkdir()
    for name in plugins:
        (file,) = ZOO.glob(f"*/{name}.py")
        (place / file.name).write_text(file.read_text())
        sys.modules.pop(name, None)
    return cfplug.run(
        recipe, out=folder / "runs", plugins_dir=[place], reporter=reporter
    ), reporter.said


def partial_of(run: Path) -> Path:
    return run.with_name(f"{run.name}.partial")


def thawed(value: object) -> object:
    """Read-only data as dictionaries and lists."""
    if isinstance(value, Mapping):
        return {key: thawed(item) for key, item in value.items()}
    return [thawed(item) for item in value] if isinstance(value, tuple | list) else value


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A run, what was said, and what was reported to zoo/watchers/listener.py."""
    run, said = carry_out(tmp_path_factory.mktemp("watched"), "listener")
    return run, said, sys.modules["listener"].reported


def reported_of(watched: Watched, hook: str) -> list[object]:
    return [event for name, event in watched[2] if name == hook]


def test_cfplug_run_started_is_called_once_before_anything_is_read(
    watched: Watched,
) -> None:
    (event,) = reported_of(watched, "cfplug_run_started")
    run = watched[0]
    assert watched[2][0] == ("cfplug_run_started", event)
    assert event == RunStarted(
        "Watched", str(run.path.parents[1] / "watched.yaml"), partial_of(run.path), run=run.path
    )
    assert isinstance(event, RunStarted)
    assert [dict(entry)["name"] for entry in event.resolved["models"]] == ["pmf", "plain"]
    assert thawed(event.resolved) == run.recipe.tree()


def test_cfplug_step_finished_is_called_after_each_step_in_the_order_of_the_run(
    watched: Watched,
) -> None:
    events = reported_of(watched, "cfplug_step_finished")
    assert all(
        type(event) is StepFinished and event.seed == 7 and event.seconds >= 0 for event in events
    )
    assert [
        (event.step, event.model, event.component)
        for event in events
        if isinstance(event, StepFinished)
    ] == [
        ("read", "", "tables/synthetic"),
        ("split", "", "splits/random"),
        ("train", "pmf", "factors/pmf"),
        ("score", "pmf", "metrics/mae"),
        ("score", "pmf", "metrics/mse"),
        ("analyze", "pmf", "insight/bias-ranking"),
        ("train", "plain", "factors/mean"),
        ("score", "plain", "metrics/mae"),
        ("score", "plain", "metrics/mse"),
        ("write", "", ""),
    ]


def test_every_event_of_a_run_says_which_run_it_is(
    watched: Watched,
) -> None:
    assert {event.run for _, event in watched[2]} == {watched[0].path}  # type: ignore[attr-defined]


def test_cfplug_epoch_finished_is_called_with_the_numbers_of_the_history(
    watched: Watched,
) -> None:
    events = reported_of(watched, "cfplug_epoch_finished")
    assert [(event.model, event.seed, event.epoch, event.epochs) for event in events] == [  # type: ignore[attr-defined]
        ("pmf", 7, 1, 2),
        ("pmf", 7, 2, 2),
    ]
    history = (watched[0].path / "history.csv").read_text().splitlines()[1:]
    losses = [tuple(map(float, line.split(",")[4:6])) for line in history]
    assert losses == [(event.train_loss, event.valid_loss) for event in events]  # type: ignore[attr-defined]


def test_cfplug_run_finished_is_called_once_last_with_the_metrics_and_the_claims(
    watched: Watched,
) -> None:
    (event,) = reported_of(watched, "cfplug_run_finished")
    run = watched[0]
    assert watched[2][-1] == ("cfplug_run_finished", event)
    rows = json.loads((run.path / "metrics.json").read_text())
    assert event == RunFinished(run.path, tuple(tuple(row.values())[:6] for row in rows), False)
    assert run.path.is_dir()


def test_cfplug_run_failed_is_called_instead_of_finished_with_the_error_and_where_it_was(
    tmp_path: Path,
) -> None:
    with pytest.raises(OSError, match="the server does not answer"):
        carry_out(tmp_path, "listener", "zoo_sources", text=UNREADABLE)
    started, failed = (event for _, event in sys.modules["listener"].reported)
    assert failed == RunFailed(
        started.folder,
        "OSError: the server does not answer",
        (
            f"in step read: zoo-sources/unreadable of plugin zoo-sources "
            f"({tmp_path / 'plugins' / 'zoo_sources.py'}), "
            f"{tmp_path / 'watched.yaml'}:2:7",
        ),
        interrupted=False,
        kept=False,
        run=started.run,
    )
    assert list((tmp_path / "runs").iterdir()) == []


def test_cfplug_run_failed_says_that_a_person_stopped_the_run_and_a_resumed_one_starts_again(
    tmp_path: Path,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        carry_out(tmp_path, "listener", "stopper")
    reported = sys.modules["listener"].reported
    (_, started), *_, (hook, failed) = reported
    assert hook == "cfplug_run_failed"
    assert failed == RunFailed(started.folder, "KeyboardInterrupt", (), True, True, started.run)
    assert not started.resumed
    reported.clear()
    resumed = cfplug.resume(failed.folder, plugins_dir=[tmp_path / "plugins"], reporter=Listening())
    (_, again), *_, (_, finished) = reported
    assert attrs.evolve(again, resumed=False, recipe=started.recipe) == started
    assert again.resumed
    assert finished.run == resumed.path == started.run


def test_an_observer_of_a_failed_run_that_raises_becomes_a_warning_and_the_error_is_the_runs_own(
    tmp_path: Path,
) -> None:
    reporter = Listening()
    with pytest.raises(OSError, match="the server does not answer"):
        carry_out(tmp_path, "meddler", "zoo_sources", text=UNREADABLE, reporter=reporter)
    (warning,) = [line for line in reporter.said if "cfplug_run_failed" in line]
    assert "raised AttributeError: 'tuple' object has no attribute 'append'" in warning


def test_observers_that_raise_leave_or_meddle_become_warnings_and_change_nothing(
    watched: Watched, tmp_path: Path
) -> None:
    run, said = carry_out(tmp_path, "meddler")
    warnings = [line for line in said if line.startswith("warning: ")]
    file = tmp_path / "plugins" / "meddler.py"

    def warning(hook: str, raised: str, line: int, code: str) -> str:
        where = f"at {file}:{line}: {code}"
        return f"warning: the observer {hook} of plugin meddler ({file}) raised {raised}\n  {where}"

    frozen, table = (
        "FrozenInstanceError: can't set attribute",
        'raise LookupError(f"no table for the step {event.step}")',
    )
    steps = ("read", "split", "train", "score", "analyze", "write")
    leave = 'raise SystemExit(f"epoch {event.epoch} is enough")'
    fixed = "TypeError: 'tuple' object does not support item assignment"
    assert set(warnings) == {
        warning("cfplug_run_started", frozen, 8, 'event.title = "mine"'),
        *(
            warning("cfplug_step_finished", f"LookupError: no table for the step {step}", 13, table)
            for step in steps
        ),
        *(
            warning("cfplug_epoch_finished", f"SystemExit: epoch {epoch} is enough", 18, leave)
            for epoch in (1, 2)
        ),
        warning("cfplug_run_finished", fixed, 23, "event.metrics[0][4] = 0.0"),
    }
    assert len(warnings) == 1 + 10 + 2 + 1
    same = ("metrics.json", "claims.json", "predictions.parquet", "models/pmf/weights.safetensors")
    for name in same:
        assert (run.path / name).read_bytes() == (watched[0].path / name).read_bytes(), name
