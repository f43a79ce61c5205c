"""Check a run from recipe to folder: reproducible, whole or resumable, clear about errors."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cfplug
from cfplug import DataError, PluginError, RecipeError
from cfplug.errors import ArtifactError, TrainingError, UnknownIdError
from cfplug.files import sha256
from cfplug.plugin.discovery import Candidate, installed
from cfplug.plugin.hookspecs import EpochFinished, RunFinished, RunStarted, StepFinished
from cfplug.plugin.registry import Registry, assemble
from cfplug.progress import Quiet
from cfplug.recipe.parser import read_recipe
from cfplug.runs import runner, storage
from cfplug.runs.run import METRICS, Run
from cfplug.runs.runner import read_data

# Its one analyzer makes no chart: a process that has drawn one cannot be forked, and `Warm` forks
RECIPE = """\
title: ours
data: {use: synthetic, users: 31, items: 17, ratings: 200}
train: {epochs: 2, batch_size: 80}
models: [{use: pmf, factors: 3}, bias]
metrics: [mse, mae]
analyzers: [nearest-items]
claims: [{metric: mse, at_most: 99, model: pmf}, {metric: mae, at_most: 1e-9, model: bias}]
seeds: [7, 3]
"""
ONE = RECIPE.replace("seeds: [7, 3]\n", "")

BASE = "data: {use: synthetic, users: 31, items: 17, ratings: 200}\nmodels: [bias]\n"

VARYING = {"environment.json", "history.csv", "report.html", "files.json"}
"""Files that hold the time at which a run ran, and the hashes of these."""


def numbers(path: Path) -> dict[str, bytes]:
    """Every file that two runs of one recipe must have in common, to the last byte."""
    files = {each.relative_to(path).as_posix(): each for each in path.rglob("*") if each.is_file()}
    same = {
        name: each
        for name, each in sorted(files.items())
        if not {name, each.name} & {*VARYING, "seconds.json"}
    }
    return {name: untimed(each) for name, each in same.items()}


def untimed(file: Path) -> bytes:
    """A file; where it is the comparison, without the seconds of training in it."""
    if file.name != "comparison.csv":
        return file.read_bytes()
    return pd.read_csv(file, dtype=str).drop(columns="seconds").to_csv().encode()


def assert_same(path: Path, other: Path) -> None:
    """The names of files that differ, where there are any."""
    found, expected = numbers(path), numbers(other)
    assert {
        name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
    } == set()
    assert {each.name for each in path.iterdir()} >= VARYING


def assert_whole_or_partial(out: Path) -> None:
    """Check the promise to users: a folder without .partial opens, every file as written."""
    for path in out.iterdir() if out.exists() else ():
        if not path.name.endswith(".partial"):
            index = json.loads((path / "files.json").read_text())
            assert {name: sha256((path / name).read_bytes()) for name in index} == index
            assert cfplug.open_run(path).path == path


def left_of(out: Path) -> list[Path]:
    """The folders that a user can resume."""
    return (
        [path for path in out.glob("*.partial") if not path.name.startswith(".")]
        if out.exists()
        else []
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A recipe as a file called ours.yaml."""

    def write(text: str) -> Path:
        path = tmp_path_factory.mktemp("recipe") / "ours.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="module")
def whole(written: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of RECIPE that nobody disturbed."""
    return cfplug.run(written(RECIPE), out=tmp_path_factory.mktemp("whole"), reporter=Quiet())


@pytest.fixture(scope="module")
def whole_one(written: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same for ONE."""
    return cfplug.run(written(ONE), out=tmp_path_factory.mktemp("whole"), reporter=Quiet())


class Words(Quiet):
    """Keeps what is said; `interrupt` are words at which the user presses Ctrl-C."""

    def __init__(self, interrupt: str = "\0", times: int = 1) -> None:
        self.said: list[str] = []
        self.interrupt, self.times = interrupt, times

    def say(self, text: str) -> None:
        self.said.append(text)
        if self.interrupt in text:
            self.times -= 1
            if self.times == 0:
                raise KeyboardInterrupt

    def progress(self, done: float | None, message: str) -> None:
        if self.interrupt in message:
            self.say(message)


def interrupted(recipe: Path, out: Path, at: str, times: int = 1) -> Path:
    """The folder that is left of a run which the user stops at these words."""
    with pytest.raises(KeyboardInterrupt):
        cfplug.run(recipe, out=out, reporter=Words(at, times))
    (partial,) = left_of(out)
    return partial


# The same twice


def test_the_same_recipe_twice_gives_the_same_bytes(
    written: Callable[[str], Path], whole: Run, tmp_path: Path
) -> None:
    again = cfplug.run(written(RECIPE), out=tmp_path, reporter=Quiet())
    assert_same(again.path, whole.path)
    assert set(numbers(again.path)) >= {
        *("metrics.json", "claims.json", "predictions.parquet"),
        *(
            f"models/{model}/{name}"
            for model in PLACES
            for name in ("weights.safetensors", "model.json")
        ),
        "comparison.csv",
    }


PLACES = ["pmf-seed-7", "bias-seed-7", "pmf-seed-3", "bias-seed-3"]


def test_another_seed_gives_other_bytes(
    written: Callable[[str], Path], whole: Run, tmp_path: Path
) -> None:
    other = cfplug.run(written(RECIPE.replace("[7, 3]", "[7, 4]")), out=tmp_path, reporter=Quiet())
    assert other.values("pmf", "mse").iloc[0] == whole.values("pmf", "mse").iloc[0]
    assert other.values("pmf", "mse").iloc[1] != whole.values("pmf", "mse").iloc[1]


def test_the_resolved_recipe_gives_the_same_numbers(whole: Run, tmp_path: Path) -> None:
    again = cfplug.run(whole.path / "resolved.yaml", out=tmp_path, reporter=Quiet())
    found, expected = numbers(again.path), numbers(whole.path)
    assert found.pop("recipe.yaml") == expected.pop("resolved.yaml") == found["resolved.yaml"]
    del expected["recipe.yaml"], found["resolved.yaml"]
    assert found == expected


def ratings(folder: Path, first: float) -> Path:
    """A table of ratings, its first one given."""
    frame = pd.DataFrame(
        {"user": np.arange(60) % 11, "item": np.arange(60) % 7, "rating": np.arange(60) % 5 + 1.0}
    )
    frame.loc[0, "rating"] = first
    frame.to_csv(folder / "ratings.csv", index=False)
    return folder / "ratings.csv"


def csv_recipe(folder: Path) -> Path:
    path = folder / "ours.yaml"
    path.write_text(
        ONE.replace(
            "{use: synthetic, users: 31, items: 17, ratings: 200}",
            "{use: csv, ratings: ratings.csv}",
        )
    )
    return path


def hash_in(run: Run) -> str:
    found = json.loads((run.path / "environment.json").read_text())["data_sha256"]
    assert json.loads((run.path / "data.json").read_text()) == {"sha256": found}
    return found


def test_one_changed_rating_changes_the_hash_of_the_data(tmp_path: Path) -> None:
    recipe, hashes = csv_recipe(tmp_path), []
    recipe.write_text("data: {use: csv, ratings: ratings.csv}\nmodels: [mean]\n")
    for first in (1.0, 1.0, 2.0):
        ratings(tmp_path, first)
        hashes.append(hash_in(cfplug.run(recipe, out=tmp_path / "runs", reporter=Quiet())))
    assert hashes[0] == hashes[1] != hashes[2]


# Killed: a warm process forks a child for each run, so that torch and fastai are imported once

WARM = """
import json, os, signal, sys, tempfile, time
from cfplug import run
from cfplug.cli.main import main
from cfplug.progress import Quiet

with tempfile.TemporaryDirectory() as out:
    run(sys.argv[1], out=out, reporter=Quiet())
print("warm", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        with open(order["log"], "a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        try:
            main(order["args"], standalone_mode=False)
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
            os._exit(1)
        os._exit(0)
    ended = 0
    while not ended:
        if order["after"] is not None and time.perf_counter() - started >= order["after"]:
            os.kill(child, signal.SIGKILL)
            order["after"] = None
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.002)
    answer = {"status": os.waitstatus_to_exitcode(status), "seconds": time.perf_counter() - started}
    print(json.dumps(answer), flush=True)
"""


class Warm:
    """Runs the command line in processes that begin with everything imported."""

    def __init__(self, recipe: Path, log: Path) -> None:
        command = [sys.executable, "-c", WARM, str(recipe)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "12345"}
        self.log, self.ready = log, False
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def main(self, *args: object, after: float | None = None) -> tuple[int, float]:
        """Return the exit status (-9 if killed `after` n seconds) and seconds of `cfplug *args`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if not self.ready:
            self.ready = self.process.stdout.readline() == "warm\n"
            assert self.ready
        order = {"args": list(map(str, args)), "after": after, "log": str(self.log)}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer["status"] in (0, -9), self.log.read_text()
        return answer["status"], answer["seconds"]


@pytest.fixture(scope="module")
def warm(
    written: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warm]:
    process = Warm(written(RECIPE), tmp_path_factory.mktemp("log") / "log")
    with process.process:
        yield process
        process.process.kill()


@pytest.fixture(autouse=True, scope="module")
def _begin_early(warm: Warm) -> None:
    """The other process warms up while the tests before it run."""


def test_a_run_killed_at_any_moment_is_never_half_there_and_can_be_resumed(
    warm: Warm, written: Callable[[str], Path], whole: Run, tmp_path: Path
) -> None:
    recipe = written(RECIPE)
    status, life = warm.main("run", recipe, "--out", tmp_path / "unbroken")
    assert status == 0
    (unbroken,) = (tmp_path / "unbroken").iterdir()
    assert_same(
        unbroken, whole.path
    )  # two processes, with other hashes of text, give the same bytes

    seed = random.SystemRandom().getrandbits(32)
    draw = random.Random(seed)
    print(f"seed {seed}, life {life:.3f} s")
    in_a_row: list[int] = []
    while sum(in_a_row) < 22:
        out = tmp_path / f"runs-{len(in_a_row)}"
        most = min(draw.choice([2, 5, 9]), 22 - sum(in_a_row))
        in_a_row.append(
            killed_until_done(warm, recipe, out, [draw.uniform(0, life) for _ in range(most)])
        )
        (path,) = (path for path in out.iterdir() if not path.name.startswith("."))
        assert_same(path, whole.path)
        shutil.rmtree(out)
    print(f"kills in a row: {in_a_row}")
    assert max(in_a_row) > 1


def killed_until_done(warm: Warm, recipe: Path, out: Path, delays: list[float]) -> int:
    """Kill a run and its resumed runs until one gets through; return the number of kills."""
    kills = 0
    while not finished(out):
        args = ["resume", *left_of(out)] if left_of(out) else ["run", recipe, "--out", out]
        status, seconds = warm.main(*args, after=delays[kills] if kills < len(delays) else None)
        kills += status != 0
        print(f"{args[0]}: {'killed' if status else 'done'} after {seconds:.3f} s")
        assert_whole_or_partial(out)
    return kills


def finished(out: Path) -> bool:
    """A run that was killed after the last thing that it does is whole."""
    return out.exists() and any(not path.name.endswith(".partial") for path in out.iterdir())


def test_a_run_stopped_before_any_change_of_its_folder_goes_on_to_the_same_end(
    written: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record what a kill would leave before each change of the folder, with half drafts."""
    text = f"{BASE}train: {{epochs: 1, batch_size: 160}}\nmetrics: [mse]\n".replace(
        "[bias]", "[pmf, mean]"
    )
    moments = Moments(tmp_path / "runs", tmp_path / "moments")
    with moments.watching():
        unbroken = cfplug.run(written(text), out=moments.out, reporter=Quiet())
    assert len(moments.kept) > 30
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    for moment in moments.kept:
        assert_whole_or_partial(moment)
        assert len(left_of(moment)) + finished(moment) <= 1
        if partial := left_of(moment):
            cfplug.resume(partial[0], reporter=Quiet())
        if finished(moment):
            (path,) = (path for path in moment.iterdir() if not path.name.startswith("."))
            assert_same(path, unbroken.path)


class Moments:
    """Return copies of a folder, each as it was before a change; equal copies once."""

    def __init__(self, out: Path, into: Path) -> None:
        self.out, self.into = out, into
        self.kept: list[Path] = []
        self.seen: set[frozenset] = set()
        self.copying = False

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("mkdir", "rename", "unlink", "rmdir", "fsync"):
                patch.setattr(os, name, self._before(name, getattr(os, name)))
            yield

    def _before(self, name: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **words: Any) -> Any:
            if not self.copying and self.out.exists():
                self.copying = True
                self._keep()
                self.copying = False
            return change(*args, **words)

        return changed

    def _keep(self) -> None:
        """Keep half of a draft: it is about to be synced, and no part of it is reliable."""
        files = {
            path.relative_to(self.out): path.read_bytes()
            for path in self.out.rglob("*")
            if path.is_file()
        }
        data = {
            name: each[: len(each) // 2] if name.suffix == ".tmp" else each
            for name, each in files.items()
        }
        if (
            digest := frozenset((name, sha256(each)) for name, each in data.items())
        ) not in self.seen:
            self.seen.add(digest)
            self.kept.append(self.into / str(len(self.kept)))
            for name, each in data.items():
                (self.kept[-1] / name).parent.mkdir(parents=True, exist_ok=True)
                (self.kept[-1] / name).write_bytes(each)


# Interrupted and resumed in one process


@pytest.mark.parametrize(
    ("at", "times", "kept"),
    [
        ("synthetic: 200 ratings", 1, []),
        ("epoch 1 of 2", 1, []),
        ("epoch 2 of 2", 1, []),
        ("epoch 1 of 2", 2, PLACES[:2]),
        ("round 10 of 10", 2, PLACES[:3]),
        ("writing", 1, PLACES),
    ],
)
def test_an_interrupted_run_says_how_to_go_on_and_keeps_what_was_finished(
    written: Callable[[str], Path], whole: Run, tmp_path: Path, at: str, times: int, kept: list[str]
) -> None:
    words = Words(at, times)
    with pytest.raises(KeyboardInterrupt):
        cfplug.run(written(RECIPE), out=tmp_path, reporter=words)
    (partial,) = left_of(tmp_path)
    assert words.said[-1] == f"stopped; go on with: cfplug resume {partial}"
    assert sorted(path.parent.name for path in partial.rglob("model.json")) == sorted(kept)
    after = Words()
    resumed = cfplug.resume(partial, reporter=after)
    finished_before = [text for text in after.said if text.endswith(": was finished before")]
    assert finished_before == [f"{place.partition('-')[0]}: was finished before" for place in kept]
    assert_same(resumed.path, whole.path)
    pd.testing.assert_frame_equal(resumed.metrics, whole.metrics, check_exact=True)
    assert resumed.claim_results() == whole.claim_results()
    assert not partial.exists()


def test_no_epoch_is_trained_twice(written: Callable[[str], Path], tmp_path: Path) -> None:
    recipe = written(ONE.replace("epochs: 2", "epochs: 4"))
    partial = interrupted(recipe, tmp_path, "epoch 3 of 4")
    words = Words()
    cfplug.resume(partial, reporter=words)
    assert [text.partition(":")[2].partition(":")[0] for text in words.said if "epoch" in text] == [
        " epoch 4 of 4"
    ]


def test_the_history_of_a_resumed_run_has_every_epoch(
    written: Callable[[str], Path], whole_one: Run, tmp_path: Path
) -> None:
    partial = interrupted(written(ONE), tmp_path, "epoch 1 of 2")
    resumed = cfplug.resume(partial, reporter=Quiet())
    found, expected = (
        pd.read_csv(run.path / "history.csv").drop(columns="seconds")
        for run in (resumed, whole_one)
    )
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_a_learner_goes_on_where_its_model_was_still_training(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    partial = interrupted(written(ONE), tmp_path, "epoch 1 of 2")
    resumed = cfplug.resume(partial, reporter=Quiet())
    learner = resumed.learner
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(1)


def test_changed_data_cannot_be_gone_on_with(tmp_path: Path) -> None:
    ratings(tmp_path, 1.0)
    recipe = csv_recipe(tmp_path)
    partial = interrupted(recipe, tmp_path / "runs", "epoch 1 of 2")
    before = json.loads((partial / "data.json").read_text())["sha256"]
    ratings(tmp_path, 2.0)
    with pytest.raises(ArtifactError) as caught:
        cfplug.resume(partial, reporter=Quiet())
    after = runner.read_data(read_recipe(recipe).data, reporter=Quiet()).hash()
    assert str(caught.value) == (
        f"the data is not what it was when the run began: its SHA-256 is {after[:12]}..., it was "
        f"{before[:12]}..."
    )
    assert caught.value.__notes__ == [
        f"what was finished is kept; go on with: cfplug resume {partial}"
    ]
    ratings(tmp_path, 1.0)
    assert cfplug.resume(partial, reporter=Quiet()).path.exists()


def test_a_resumed_run_that_fails_is_kept_even_if_nothing_was_finished(tmp_path: Path) -> None:
    file = ratings(tmp_path, 1.0)
    partial = interrupted(csv_recipe(tmp_path), tmp_path / "runs", ": 60 ratings, ")
    file.rename(tmp_path / "elsewhere")
    with pytest.raises(DataError):
        cfplug.resume(partial, reporter=Quiet())
    (tmp_path / "elsewhere").rename(file)
    assert cfplug.resume(partial, reporter=Quiet()).path.exists()


def test_a_finished_run_is_not_resumed(whole: Run) -> None:
    with pytest.raises(ArtifactError) as caught:
        cfplug.resume(whole.path, reporter=Quiet())
    assert str(caught.value) == f"{whole.path.name} is whole already; there is nothing to resume"


def test_a_run_that_is_not_there_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        cfplug.resume(tmp_path / "ours-1.partial", reporter=Quiet())
    assert str(caught.value) == f"{tmp_path}/ours-1.partial: there is no such run"


# A full disk


def full_at(call: int) -> Callable[[int], None]:
    """A disk that is full from the n-th file on."""
    fsync, calls = os.fsync, [0]

    def sync(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] >= call:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    return sync


def test_a_disk_that_is_full_before_anything_was_finished_leaves_nothing(
    written: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full_at(4))
    with pytest.raises(ArtifactError) as caught:
        cfplug.run(written(ONE), out=tmp_path, reporter=Quiet())
    (text,) = str(caught.value).splitlines()
    assert text.startswith(f"cannot write {tmp_path}/ours-")
    assert text.endswith(".partial/checkpoints/models/pmf.safetensors: No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_later_costs_nothing_that_was_finished(
    written: Callable[[str], Path], whole_one: Run, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full_at(17))
        with pytest.raises(ArtifactError) as caught:
            cfplug.run(written(ONE), out=tmp_path, reporter=Quiet())
    (partial,) = left_of(tmp_path)
    assert str(caught.value) == f"cannot write {partial}/metrics.json: No space left on device"
    assert caught.value.__notes__ == [
        f"what was finished is kept; go on with: cfplug resume {partial}"
    ]
    assert_same(cfplug.resume(partial, reporter=Quiet()).path, whole_one.path)


# What a plugin may do wrong


def hook(name: str, function: Callable[..., Any]) -> Any:
    function.__name__ = name
    return cfplug.hookimpl(function)


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Registry]:
    """The installed plugins and one of this file, with the hooks that are given."""

    def with_hooks(**hooks: Callable[..., Any]) -> Registry:
        module = types.ModuleType("mine")
        for name, function in hooks.items():
            setattr(module, name, hook(name, function))
        registry = assemble([*installed(), Candidate("mine", "tests", "1.0", lambda: module)])
        assert [each.why for each in registry.plugins if each.state != "ok"] == []
        monkeypatch.setattr(runner, "load", lambda folders: registry)
        monkeypatch.setattr(storage, "load", lambda folders: registry)
        return registry

    return with_hooks


def run_with(registry: Registry, recipe: Path, out: Path, reporter: Quiet | None = None) -> Run:
    return cfplug.run(read_recipe(recipe, registry=registry), out=out, reporter=reporter or Quiet())


def gives(value: Any) -> Callable[[Any, Any], Any]:
    return lambda params, context: value


def fails(words: str) -> Any:
    raise RuntimeError(words)


@pytest.mark.parametrize(
    ("hooks", "recipe", "error", "text", "notes"),
    [
        (
            {
                "cfplug_sources": lambda: [
                    cfplug.Source("own", read=lambda params, context: fails("no file"))
                ]
            },
            "data: own\nmodels: [bias]\n",
            RuntimeError,
            "no file",
            ["in step read: mine/own of plugin mine (tests 1.0), {recipe}:1:7"],
        ),
        (
            {"cfplug_sources": lambda: [cfplug.Source("own", read=lambda params, context: [1, 2])]},
            "models: [bias]\ndata: own\n",
            PluginError,
            "read gave list, not a Dataset",
            ["in step read: mine/own of plugin mine (tests 1.0), {recipe}:2:7"],
        ),
        (
            {
                "cfplug_splits": lambda: [
                    cfplug.SplitMethod("own", split=lambda dataset, params, context: ([0], [1]))
                ]
            },
            f"{BASE}split: own\n",
            PluginError,
            "split gave tuple, not a Split",
            ["in step split: mine/own of plugin mine (tests 1.0), {recipe}:3:8"],
        ),
        (
            {
                "cfplug_splits": lambda: [
                    cfplug.SplitMethod(
                        "own",
                        split=lambda dataset, params, context: cfplug.Split(
                            np.arange(100), np.arange(100, 199)
                        ),
                    )
                ]
            },
            f"{BASE}split: own\n",
            DataError,
            "row 199: the split loses 1 rows",
            ["in step split: mine/own of plugin mine (tests 1.0), {recipe}:3:8"],
        ),
        (
            {
                "cfplug_models": lambda: [
                    cfplug.Model(
                        "own", build=lambda params, spec: fails("too wide"), provides=["biases"]
                    )
                ]
            },
            "data: synthetic\nmodels:\n- bias\n- {use: own, name: renamed}\n",
            RuntimeError,
            "too wide",
            [
                "in step train: mine/own of plugin mine (tests 1.0), {recipe}:4:3",
                "what was finished is kept; go on with: cfplug resume {partial}",
            ],
        ),
        (
            {
                "cfplug_models": lambda: [
                    cfplug.Model(
                        "own",
                        fit=lambda params, train, context: Constant(lambda batch: np.zeros(3)),
                        restore=lambda params, state: None,
                    )
                ]
            },
            "data: synthetic\nmodels: [own]\n",
            PluginError,
            "mine/own: expected ratings of shape (2000,), got (3,)",
            [
                "in step predict: mine/own of plugin mine (tests 1.0), {recipe}:2:10",
                "what was finished is kept; go on with: cfplug resume {partial}",
            ],
        ),
        (
            {
                "cfplug_metrics": lambda: [
                    cfplug.Metric("own", score=lambda params, truth, prediction: float("nan"))
                ]
            },
            f"{BASE}metrics: [mse, own]\n",
            PluginError,
            "score gave nan; a metric is a finite number",
            [
                "in step score: mine/own of plugin mine (tests 1.0), {recipe}:3:16",
                "what was finished is kept; go on with: cfplug resume {partial}",
            ],
        ),
    ],
    ids=["read", "no dataset", "no split", "lost row", "build", "predict", "score"],
)
def test_an_error_in_a_component_names_step_plugin_and_place(
    plugin: Callable[..., Registry],
    written: Callable[[str], Path],
    tmp_path: Path,
    hooks: dict[str, Callable[..., Any]],
    recipe: str,
    error: type[Exception],
    text: str,
    notes: Sequence[str],
) -> None:
    path = written(recipe)
    with pytest.raises(error) as caught:
        run_with(plugin(**hooks), path, tmp_path)
    partial = next(iter(left_of(tmp_path)), None)
    assert str(caught.value) == text
    assert caught.value.__notes__ == [note.format(recipe=path, partial=partial) for note in notes]
    assert (partial is not None) == any("{partial}" in note for note in notes)


class Constant:
    """A predictor that answers as it is told."""

    def __init__(self, predict: Callable[[Any], np.ndarray]) -> None:
        self.predict = predict

    def state(self) -> dict[str, np.ndarray]:
        return {}


def test_an_analyzer_that_a_model_cannot_serve_is_named_in_the_report(
    plugin: Callable[..., Registry], written: Callable[[str], Path], tmp_path: Path
) -> None:
    made = cfplug.run(written(ONE.replace("bias]", "bias, mean]")), out=tmp_path, reporter=Quiet())
    assert [(section.title, section.text[0]) for section in made.sections][-1] == (
        "nearest-items of mean",
        "mean has no embeddings, which this needs.",
    )


# Before any training


def test_ids_that_training_never_saw_stop_a_run_whose_policy_is_error(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    pairs = [(user, item, 3.0) for user in range(8) for item in range(5)]
    frame = pd.DataFrame(
        [*pairs, ("new", 1, 4.0), (2, "unheard", 4.0), ("newer", 1, 4.0)],
        columns=["user", "item", "rating"],
    )
    frame.to_csv(tmp_path / "ratings.csv", index=False)
    frame.iloc[-4:].to_csv(tmp_path / "valid.csv", index=False)
    recipe = tmp_path / "ours.yaml"
    text = (
        "data: {use: csv, ratings: ratings.csv}\n"
        'split: {use: predefined, valid: valid.csv, header: true, separator: ","}\n'
        "models: [pmf]\nunknown: error\n"
    )
    recipe.write_text(text)
    words = Words()
    with pytest.raises(UnknownIdError) as caught:
        cfplug.run(recipe, out=tmp_path / "runs", reporter=words)
    assert str(caught.value) == (
        "training never saw 2 users ('new', 'newer') and 1 item ('unheard'), and the recipe "
        "says `unknown: error`; "
        "name a cold-start strategy there (cfplug list cold-starts)"
    )
    assert not any("epoch" in text for text in words.said)
    assert list((tmp_path / "runs").iterdir()) == []
    recipe.write_text(text.replace("unknown: error", "unknown: item-mean"))
    words = Words()
    made = cfplug.run(recipe, out=tmp_path / "runs", reporter=words)
    assert (
        "3 of 4 valid ratings have a user or item that training never saw; item-mean answers "
        "for them" in words.said
    )
    origins = pd.read_parquet(made.path / "predictions.parquet")["origin"].tolist()
    assert origins == ["warm", "mean", "mean", "mean"]


def test_a_claim_about_a_part_that_is_not_measured_stops_before_training(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    recipe = written(
        f"{BASE}claims: [{{metric: mse, at_most: 1}}, {{metric: mse, at_most: 1, part: test}}]\n"
    )
    with pytest.raises(RecipeError) as caught:
        cfplug.run(recipe, out=tmp_path, reporter=Quiet())
    assert str(caught.value) == (
        f"{recipe}: claims[1].part: test is not measured; valid will be\n1 problem; nothing was "
        f"run."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_claim_about_the_test_part_is_measured_where_there_is_one(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    recipe = written(
        f"{BASE}split: {{use: random, test: 0.1}}\nclaims: [{{metric: mse, at_most: 99, part: "
        f"test}}]\n"
    )
    made = cfplug.run(recipe, out=tmp_path, reporter=Quiet())
    assert made.metrics["part"].tolist() == ["valid", "valid", "test", "test"]
    kept = pd.read_parquet(made.path / "predictions.parquet")
    assert kept["part"].value_counts().to_dict() == {"valid": 40, "test": 20}
    (claim,) = json.loads((made.path / "claims.json").read_text())
    test = kept[kept["part"] == "test"]
    assert claim["measured"] == pytest.approx(
        ((test["prediction"] - test["rating"]) ** 2).mean(), rel=1e-12
    )


def test_a_recipe_with_problems_writes_nothing(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    recipe = written("data: synthetic\nmodels: [pfm]\n")
    with pytest.raises(RecipeError):
        cfplug.run(recipe, out=tmp_path / "runs", reporter=Quiet())
    assert not (tmp_path / "runs").exists()


def test_a_device_that_is_not_there_writes_nothing(
    written: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(TrainingError) as caught:
        cfplug.run(written(f"{BASE}device: cuda\n"), out=tmp_path / "runs", reporter=Quiet())
    assert (
        str(caught.value) == "device: this machine has no cuda; say `device: auto` or `device: cpu`"
    )
    assert not (tmp_path / "runs").exists()


def test_a_loss_of_nan_is_reported_with_the_model_and_its_place(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    train = "{learning_rate: 1e6, batch_size: 40, epochs: 30, optimizer: sgd, schedule: constant}"
    recipe = written(
        f"data: {{use: synthetic, users: 31, items: 17, ratings: 200}}\ntrain: {train}\nmodels: "
        f"[pmf]\n"
    )
    with pytest.raises(TrainingError) as caught:
        cfplug.run(recipe, out=tmp_path, reporter=Quiet())
    assert str(caught.value) == (
        "pmf: the training loss became inf in epoch 1, step 3 of 4, at learning rate 1e+06; "
        "a lower train.learning_rate may help"
    )
    assert caught.value.__notes__[0].startswith(
        "in step train: factors/pmf of plugin factors (cfplug "
    )
    assert caught.value.__notes__[0].endswith(f"), {recipe}:3:10")
    assert list(tmp_path.iterdir()) == []


# Several models and seeds


def test_every_model_is_measured_for_every_seed(whole: Run) -> None:
    assert list(
        zip(whole.metrics["model"], whole.metrics["seed"], whole.metrics["metric"], strict=True)
    ) == [
        (model, seed, metric)
        for seed in (7, 3)
        for model in ("pmf", "bias")
        for metric in ("mse", "mae")
    ]
    assert [(model.name, model.seed) for model in whole.models] == [
        ("pmf", 7),
        ("bias", 7),
        ("pmf", 3),
        ("bias", 3),
    ]
    assert [path.name for path in sorted((whole.path / "models").iterdir())] == sorted(PLACES)


def test_claims_are_kept_as_data(whole: Run) -> None:
    mean = {
        name: whole.values(name, metric).mean()
        for name, metric in (("pmf", "mse"), ("bias", "mae"))
    }
    assert json.loads((whole.path / "claims.json").read_text()) == [
        {
            "model": "pmf",
            "fold": "",
            "part": "valid",
            "metric": "mse",
            "claimed": "at most 99",
            "measured": mean["pmf"],
            "met": True,
            "source": "",
        },
        {
            "model": "bias",
            "fold": "",
            "part": "valid",
            "metric": "mae",
            "claimed": "at most 1e-09",
            "measured": mean["bias"],
            "met": False,
            "source": "",
        },
    ]
    assert json.loads((whole.path / "metrics.json").read_text()) == whole.metrics.to_dict("records")


def test_the_models_of_a_seed_share_its_split(whole: Run) -> None:
    kept = pd.read_parquet(whole.path / "predictions.parquet")
    pairs = {
        key: rows[["user", "item"]].values.tolist() for key, rows in kept.groupby(["model", "seed"])
    }
    assert pairs["pmf", 7] == pairs["bias", 7] != pairs["pmf", 3] == pairs["bias", 3]


def test_analyzers_speak_of_the_first_seed_alone(whole: Run) -> None:
    assert [section.title for section in whole.sections] == [
        "Nearest items of pmf",
        "nearest-items of bias",
    ]


def test_the_environment_says_what_the_numbers_depend_on(whole: Run) -> None:
    found = json.loads((whole.path / "environment.json").read_text())
    assert set(found) == {
        *("python", "platform", "versions", "plugins", "data_sha256", "seeds", "threads"),
        *("data", "device", "started", "seconds"),
    }
    assert found["seeds"] == [7, 3]
    assert found["data"] == str(read_data(whole.recipe.data, reporter=Quiet()))
    assert found["versions"]["cfplug"] == cfplug.__version__
    assert {"name": "factors", "distribution": "cfplug", "version": cfplug.__version__} in found[
        "plugins"
    ]


def test_the_learner_of_a_run_goes_on_by_hand(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    made = cfplug.run(written(ONE), out=tmp_path, reporter=Quiet())
    history = pd.read_csv(made.path / "history.csv")
    learner = made.learner
    with learner.no_bar(), learner.no_logging():
        assert learner.validate()[0] == pytest.approx(history["valid_loss"].iloc[-1], rel=1e-6)
        assert made.values("pmf", "mse").item() == pytest.approx(learner.validate()[0], rel=1e-6)
        learner.fit_one_cycle(1)


# Folds


def two_folds(dataset: Any, params: Any, context: Any) -> dict[str, cfplug.Split]:
    """Validate on every fifth rating, from another start in u1, u2 and for another seed."""
    rows = np.roll(np.arange(len(dataset.ratings)), context.seed)
    return {
        fold: cfplug.Split(rows[rows % 5 != at], rows[rows % 5 == at])
        for fold, at in (("u2", 1), ("u1", 0))
    }


FOLDED = f"{RECIPE}split: own\n".replace("model: bias}", "model: bias, fold: u1}")
FOLD_PLACES = [
    f"{model}-fold-{fold}-seed-{seed}"
    for seed in (7, 3)
    for fold in ("u2", "u1")
    for model in ("pmf", "bias")
]


@pytest.fixture
def folding(plugin: Callable[..., Registry]) -> Registry:
    return plugin(cfplug_splits=lambda: [cfplug.SplitMethod("own", split=two_folds)])


def test_every_model_is_trained_and_measured_on_each_fold_of_each_seed(
    folding: Registry, written: Callable[[str], Path], tmp_path: Path
) -> None:
    words = Words()
    made = run_with(folding, written(FOLDED), tmp_path, words)
    expected = [
        (model, seed, fold) for seed in (7, 3) for fold in ("u2", "u1") for model in ("pmf", "bias")
    ]
    assert [(model.name, model.seed, model.fold) for model in made.models] == expected
    found = made.metrics[["model", "seed", "fold"]].drop_duplicates()
    assert list(found.itertuples(index=False, name=None)) == expected
    assert sorted(path.name for path in (made.path / "models").iterdir()) == sorted(FOLD_PLACES)
    assert [text for text in words.said if text.startswith("fold ")] == ["fold u2", "fold u1"] * 2
    kept = made.predictions()
    for (model, seed, fold), rows in kept.groupby(["model", "seed", "fold"]):
        reported = made.find(model, seed, fold).predict(rows)["prediction"]
        assert reported.tolist() == rows["prediction"].tolist()
        metrics = made.metrics.set_index(["model", "seed", "fold", "metric"])["value"]
        assert metrics[model, seed, fold, "mae"] == pytest.approx(
            (reported - rows["rating"]).abs().mean(), rel=1e-12
        )
    history = pd.read_csv(made.path / "history.csv")
    assert history[["seed", "fold", "epoch"]].values.tolist() == [
        [seed, fold, epoch] for seed in (7, 3) for fold in ("u2", "u1") for epoch in (1, 2)
    ]
    assert made.learner is made.learners["pmf", 7, "u2"]
    assert set(made.learners) == {("pmf", seed, fold) for seed in (7, 3) for fold in ("u2", "u1")}


def test_folds_are_compared_and_claimed_one_by_one_and_analyzed_once(
    folding: Registry, written: Callable[[str], Path], tmp_path: Path
) -> None:
    made = run_with(folding, written(FOLDED), tmp_path)
    of_fold = made.values("bias", "mae", fold="u1")
    assert len(of_fold) == 2
    assert [claim.value for claim in made.claim_results()] == [
        made.values("pmf", "mse").mean(),
        of_fold.mean(),
    ]
    assert [each["fold"] for each in json.loads((made.path / "claims.json").read_text())] == [
        "",
        "u1",
    ]
    compared = pd.read_csv(made.path / "comparison.csv")
    assert compared[["fold", "model"]].values.tolist() == [
        [fold, m] for fold in ("u2", "u1") for m in ("pmf", "bias")
    ]
    assert [section.title for section in made.sections] == [
        "Nearest items of pmf",
        "nearest-items of bias",
    ]
    page = (made.path / "report.html").read_text()
    assert "all folds" in page
    assert "mse on valid, compared with pmf" in page


def test_an_opened_run_of_folds_is_the_run_that_was_left(
    folding: Registry, written: Callable[[str], Path], tmp_path: Path
) -> None:
    made = run_with(folding, written(FOLDED), tmp_path)
    opened = cfplug.open_run(made.path)
    pd.testing.assert_frame_equal(opened.metrics, made.metrics, check_exact=True)
    assert (str(opened), opened.claim_results(), opened.comparison()) == (
        str(made),
        made.claim_results(),
        made.comparison(),
    )
    asked = pd.DataFrame({"user": [3, 1, 31], "item": [2, 17, 5]})
    for left, found in zip(made.models, opened.models, strict=True):
        assert (found.name, found.seed, found.fold, found.seconds) == (
            left.name,
            left.seed,
            left.fold,
            left.seconds,
        )
        pd.testing.assert_frame_equal(found.predict(asked), left.predict(asked), check_exact=True)
    assert repr(opened.find("pmf", 3, "u1")).startswith(
        "pmf (factors/pmf, seed 3, fold u1): trained on "
    )


@pytest.mark.parametrize(
    ("at", "times", "kept"),
    [
        ("epoch 1 of 2", 1, []),
        ("epoch 1 of 2", 2, FOLD_PLACES[:2]),
        ("round 10 of 10", 3, FOLD_PLACES[:5]),
        ("writing", 1, FOLD_PLACES),
    ],
)
def test_a_run_of_folds_that_was_stopped_goes_on_to_the_same_bytes(
    folding: Registry,
    written: Callable[[str], Path],
    tmp_path: Path,
    at: str,
    times: int,
    kept: list[str],
) -> None:
    unbroken = run_with(folding, written(FOLDED), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_with(folding, written(FOLDED), tmp_path / "runs", Words(at, times))
    (partial,) = left_of(tmp_path / "runs")
    assert sorted(path.parent.name for path in partial.rglob("model.json")) == sorted(kept)
    resumed = cfplug.resume(partial, reporter=Quiet())
    assert_same(resumed.path, unbroken.path)
    pd.testing.assert_frame_equal(resumed.metrics, unbroken.metrics, check_exact=True)
    assert all(model.seconds > 0 for model in resumed.models)


def test_observers_receive_the_fold_of_each_step_and_epoch(
    plugin: Callable[..., Registry], written: Callable[[str], Path], tmp_path: Path
) -> None:
    reported: list[Any] = []
    registry = plugin(
        cfplug_splits=lambda: [cfplug.SplitMethod("own", split=two_folds)],
        cfplug_step_finished=lambda event: reported.append(event),
        cfplug_epoch_finished=lambda event: reported.append(event),
    )
    run_with(registry, written(FOLDED.replace("seeds: [7, 3]", "seed: 7")), tmp_path)
    assert [each.fold for each in reported if isinstance(each, EpochFinished)] == [
        "u2",
        "u2",
        "u1",
        "u1",
    ]
    steps = [each for each in reported if isinstance(each, StepFinished)]
    assert {
        step: [each.fold for each in steps if each.step == step]
        for step in ("split", "train", "analyze")
    } == {
        "split": [""],
        "train": ["u2", "u2", "u1", "u1"],
        "analyze": ["u2"],
    }


HALVES = cfplug.Split(np.arange(100), np.arange(100, 200))


@pytest.mark.parametrize(
    ("folds", "error", "text", "note"),
    [
        ({}, PluginError, "split gave a mapping without folds; it needs at least one", None),
        (
            {"u1": HALVES, "U1": HALVES},
            PluginError,
            "split gave folds of which bias on fold u1 and bias on fold U1 would share "
            "models/bias-fold-U1",
            None,
        ),
        (
            {"u1": HALVES, "u2": cfplug.Split(np.arange(100), np.arange(100, 199))},
            DataError,
            "row 199: the split loses 1 rows",
            "in fold u2",
        ),
    ],
    ids=["none", "one folder", "lost row"],
)
def test_invalid_folds_are_reported(
    plugin: Callable[..., Registry],
    written: Callable[[str], Path],
    tmp_path: Path,
    folds: dict[Any, Any],
    error: type[Exception],
    text: str,
    note: str | None,
) -> None:
    registry = plugin(
        cfplug_splits=lambda: [
            cfplug.SplitMethod("own", split=lambda dataset, params, context: folds)
        ]
    )
    path = written(f"{BASE}split: own\n")
    with pytest.raises(error) as caught:
        run_with(registry, path, tmp_path)
    assert str(caught.value) == text
    step = f"in step split: mine/own of plugin mine (tests 1.0), {path}:3:8"
    assert caught.value.__notes__ == [*([note] if note else []), step]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("split", "claim", "problem"),
    [
        (
            "own",
            "fold: u1x",
            "fold: the split has no fold called 'u1x'; did you mean u1? (it has u2, u1)",
        ),
        (
            "random",
            "fold: u1",
            "fold: the split has no fold called 'u1' (it gives one split, without a name)",
        ),
        ("own", "fold: u1, part: test", "part: test is not measured; valid will be"),
    ],
)
def test_a_claim_about_a_fold_that_will_not_be_measured_stops_before_training(
    folding: Registry,
    written: Callable[[str], Path],
    tmp_path: Path,
    split: str,
    claim: str,
    problem: str,
) -> None:
    path = written(
        f"{BASE}split: {split}\nclaims: [{{metric: mse, at_most: 9}}, {{metric: mse, at_most: 1, "
        f"{claim}}}]\n"
    )
    with pytest.raises(RecipeError) as caught:
        run_with(folding, path, tmp_path)
    assert str(caught.value) == f"{path}: claims[1].{problem}\n1 problem; nothing was run."
    assert list(tmp_path.iterdir()) == []


def test_ids_without_training_ratings_are_reported_with_their_fold_before_training(
    plugin: Callable[..., Registry], written: Callable[[str], Path], tmp_path: Path
) -> None:
    frame = pd.DataFrame(
        {"user": [*range(11), 99], "item": [n % 3 for n in range(12)], "rating": 3.0}
    )
    frame = pd.concat(
        [frame, frame.iloc[:11].assign(item=(frame["item"].iloc[:11] + 1) % 3)], ignore_index=True
    )
    rows = np.arange(len(frame))
    folds = {
        name: cfplug.Split(rows[rows != row], rows[[row]])
        for name, row in (("warm", 0), ("cold", 11))
    }
    registry = plugin(
        cfplug_sources=lambda: [
            cfplug.Source("own", read=gives(cfplug.Dataset.build("own", frame)))
        ],
        cfplug_splits=lambda: [
            cfplug.SplitMethod("own", split=lambda dataset, params, context: folds)
        ],
    )
    text = "data: own\nsplit: own\nmodels: [bias]\n"
    words = Words()
    with pytest.raises(UnknownIdError) as caught:
        run_with(registry, written(f"{text}unknown: error\n"), tmp_path, words)
    assert caught.value.__notes__ == ["in fold cold"]
    assert not any(said.startswith("fold ") for said in words.said)
    words = Words()
    run_with(registry, written(text), tmp_path, words)
    assert words.said[1] == (
        "fold cold: 1 of 1 valid ratings have a user or item that training never saw; item-mean "
        "answers for them"
    )


# Observers


def test_observers_receive_every_event_in_order(
    plugin: Callable[..., Registry], written: Callable[[str], Path], tmp_path: Path
) -> None:
    reported: list[Any] = []
    registry = plugin(
        cfplug_run_started=lambda event: reported.append(event),
        cfplug_step_finished=lambda event: reported.append(event),
        cfplug_epoch_finished=lambda event: reported.append(event),
        cfplug_run_finished=lambda event: reported.append(event),
    )
    recipe = written(RECIPE)
    made = run_with(registry, recipe, tmp_path)
    partial = made.path.with_name(f"{made.path.name}.partial")
    assert reported[0] == RunStarted("ours", str(recipe), partial, run=made.path)
    rows = tuple(made.metrics[list(METRICS[:6])].itertuples(index=False, name=None))
    assert reported[-1] == RunFinished(made.path, rows, False)
    steps = [
        (each.step, each.model, each.seed)
        if isinstance(each, StepFinished)
        else (each.epoch, each.model, each.seed)
        for each in reported[1:-1]
    ]

    def of_seed(seed: int, analyzed: bool) -> list[tuple[object, str, int]]:
        analyze = [("analyze", "pmf", seed)] if analyzed else []  # bias has no factors to compare
        every: list[tuple[object, str, int]] = [
            ("split", "", seed),
            *((epoch, "pmf", seed) for epoch in (1, 2)),
            ("train", "pmf", seed),
            *[("score", "pmf", seed)] * 2,
            *analyze,
            ("train", "bias", seed),
            *[("score", "bias", seed)] * 2,
        ]
        return every

    assert steps == [("read", "", 7), *of_seed(7, True), *of_seed(3, False), ("write", "", 7)]
    epochs = [each for each in reported if isinstance(each, EpochFinished)]
    history = pd.read_csv(made.path / "history.csv")
    assert [each.train_loss for each in epochs] == history["train_loss"].tolist()
    assert [(each.epoch, each.epochs) for each in epochs] == [(1, 2), (2, 2)] * 2


def test_an_observer_that_raises_is_a_warning_and_costs_nothing(
    plugin: Callable[..., Registry], written: Callable[[str], Path], whole_one: Run, tmp_path: Path
) -> None:
    registry = plugin(cfplug_epoch_finished=lambda event: fails("no network"))
    words = Words()
    made = run_with(registry, written(ONE), tmp_path, words)
    assert_same(made.path, whole_one.path)
    warnings = [text.partition("\n")[0] for text in words.said if text.startswith("warning: ")]
    assert (
        warnings
        == [
            "warning: the observer cfplug_epoch_finished of plugin mine (tests 1.0) raised "
            "RuntimeError: no network"
        ]
        * 2
    )


def test_a_run_that_lacked_only_its_name_is_reported_as_finished(
    plugin: Callable[..., Registry], whole_one: Run, tmp_path: Path
) -> None:
    reported: list[RunFinished] = []
    plugin(cfplug_run_finished=lambda event: reported.append(event))
    shutil.copytree(whole_one.path, tmp_path / "ours.partial")
    resumed = cfplug.resume(tmp_path / "ours", reporter=Quiet())
    assert_same(resumed.path, whole_one.path)
    rows = tuple(whole_one.metrics[list(METRICS[:6])].itertuples(index=False, name=None))
    assert reported == [RunFinished(tmp_path / "ours", rows, False)]


# The source alone


def test_the_data_of_a_source_can_be_read_without_a_run(written: Callable[[str], Path]) -> None:
    recipe = read_recipe(written(ONE))
    assert (
        str(runner.read_data(recipe.data, reporter=Quiet()))
        == "synthetic: 200 ratings, 31 users, 17 items"
    )


def test_notes_of_the_data_are_reported(
    plugin: Callable[..., Registry], written: Callable[[str], Path], tmp_path: Path
) -> None:
    frame = pd.DataFrame(
        {"user": np.arange(60) % 11, "item": np.arange(60) % 7, "rating": np.arange(60) % 5 + 1.0}
    )
    data = cfplug.Dataset.build("told", frame, notes=["half of it is missing"])
    registry = plugin(cfplug_sources=lambda: [cfplug.Source("own", read=gives(data))])
    words = Words()
    run_with(registry, written("data: own\nmodels: [bias]\n"), tmp_path, words)
    assert words.said[:2] == ["told: 60 ratings, 11 users, 7 items", "  half of it is missing"]


# The page


def test_a_hostile_title_in_the_data_is_text_in_the_report(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    ratings(tmp_path, 1.0)
    items = pd.DataFrame({"item": range(7), "title": [f"{bad} {item}" for item in range(7)]})
    items.to_csv(tmp_path / "items.csv", index=False)
    recipe = tmp_path / "ours.yaml"
    recipe.write_text(
        f"title: {bad}\ndata: {{use: csv, ratings: ratings.csv, items: items.csv}}\nmodels: "
        f"[bias]\n"
        f"analyzers: [bias-ranking]\n# {bad}\n"
    )
    page = (
        cfplug.run(recipe, out=tmp_path / "runs", reporter=Quiet()).path / "report.html"
    ).read_text()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt; ") >= 10
