"""What an analyzer is given, whom it looks at, and what it costs when it fails."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cfplug
from cfplug import Analyzer, FittedModel, Section, Table
from cfplug.errors import CapabilityError
from cfplug.plugin.discovery import Candidate, installed
from cfplug.plugin.hookspecs import hookimpl
from cfplug.plugin.registry import Registry, assemble
from cfplug.progress import Quiet
from cfplug.recipe.parser import parse_recipe
from cfplug.runs import runner, storage
from cfplug.runs.run import Run

RECIPE = """\
data: {use: synthetic, users: 31, items: 17, ratings: 300}
train: {epochs: 2, batch_size: 80}
models: [{use: pmf, factors: 3}, bias, {use: pmf, name: classes, loss: cross-entropy}]
metrics: [mse]
"""


class Seen:
    """An analyzer that keeps what it is given."""

    def __init__(self) -> None:
        self.models: list[FittedModel] = []

    def __call__(self, params: Any, fitted: FittedModel, context: cfplug.Context) -> Section:
        self.models.append(fitted)
        return Section(f"{fitted.name}", f"drew {context.rng.random():.6f}")


class Words(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Run]:
    """Carries out a recipe with analyzers of this file."""

    def run(
        analyzers: Sequence[Analyzer],
        entries: str,
        more: str = "",
        reporter: Quiet | None = None,
        recipe: str = RECIPE,
    ) -> Run:
        module = types.ModuleType("mine")
        module.cfplug_analyzers = hookimpl(lambda: analyzers, specname="cfplug_analyzers")  # type: ignore[attr-defined]
        registry: Registry = assemble(
            [*installed(), Candidate("mine", "tests", "1.0", lambda: module)]
        )
        assert [plugin.why for plugin in registry.plugins if plugin.state != "ok"] == []
        for room in (runner, storage):
            monkeypatch.setattr(room, "load", lambda folders: registry)
        parsed = parse_recipe(
            f"{recipe}analyzers: {entries}\n{more}", "ours.yaml", registry=registry
        )
        return cfplug.run(parsed, out=tmp_path / "runs", reporter=reporter or Quiet())

    return run


def test_an_analyzer_sees_the_data_the_split_and_what_was_predicted(
    ran: Callable[..., Run],
) -> None:
    seen = Seen()
    made = ran([Analyzer("seen", analyze=seen)], "[seen]")
    assert [model.name for model in seen.models] == ["pmf", "bias", "classes"]
    for model in seen.models:
        evidence = model.evidence
        assert evidence.part == "valid"
        assert len(evidence.train) == len(evidence.split.train) == 240
        whole = pd.concat(
            [evidence.train, evidence.dataset.ratings.iloc[evidence.split.valid]]
        ).sort_index()
        pd.testing.assert_frame_equal(whole, evidence.dataset.ratings)
        kept = made.predictions()
        kept = kept[kept["model"] == model.name].reset_index(drop=True)
        for column in ("user", "item", "rating", "prediction", "origin"):
            assert evidence.held_out[column].tolist() == kept[column].tolist()
        again = model.answer(evidence.held_out)
        assert evidence.held_out["prediction"].tolist() == again.rating.tolist()
        if "distribution" in model.provides:
            np.testing.assert_array_equal(evidence.distribution, again.distribution)
        else:
            assert evidence.distribution is None


def test_an_analyzer_sees_how_training_went(ran: Callable[..., Run]) -> None:
    seen = Seen()
    made = ran([Analyzer("seen", analyze=seen)], "[seen]")
    pmf, bias, _ = (model.evidence for model in seen.models)
    history = pd.read_csv(made.path / "history.csv")
    pd.testing.assert_frame_equal(
        pmf.history, history[history["model"] == "pmf"][pmf.history.columns.tolist()]
    )
    assert pmf.history["epoch"].tolist() == [1, 2]
    assert pmf.schedule[["step", "epoch"]].to_numpy().tolist() == [
        [1, 1],
        [2, 1],
        [3, 1],
        [4, 2],
        [5, 2],
        [6, 2],
    ]
    assert (len(bias.history), len(bias.schedule)) == (0, 0)


def test_the_schedule_that_an_analyzer_sees_is_the_one_that_training_followed(
    ran: Callable[..., Run],
) -> None:
    from fastai.callback.core import Callback

    from cfplug.training import learner

    class Watching(Callback):  # type: ignore[misc]
        rates: list[tuple[float, float]] = []
        order = 61  # after fastai's ParamScheduler

        def before_batch(self) -> None:
            if self.training:
                self.rates.append((self.opt.hypers[-1]["lr"], self.opt.hypers[-1]["mom"]))

    seen, watching, real = Seen(), Watching(), learner.learner_of
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(learner, "learner_of", lambda *a, **k: real(*a, **k).add_cb(watching))
        ran(
            [Analyzer("seen", analyze=seen)],
            "[{use: seen, models: [pmf]}]",
            recipe=RECIPE.replace(", bias", ""),
        )
    shown = seen.models[0].evidence.schedule[["learning_rate", "momentum"]].to_numpy()
    assert watching.rates[: len(shown)] == [
        pytest.approx(tuple(row), rel=1e-6) for row in shown.tolist()
    ]


def test_with_a_test_part_the_held_out_ratings_are_those_of_the_test_part(
    ran: Callable[..., Run], tmp_path: Path
) -> None:
    seen = Seen()
    ran([Analyzer("seen", analyze=seen)], "[seen]", "split: {use: random, valid: 0.2, test: 0.1}\n")
    evidence = seen.models[0].evidence
    assert evidence.part == "test"
    test = evidence.dataset.ratings.iloc[evidence.split.parts()["test"]]
    assert evidence.held_out["rating"].tolist() == test["rating"].tolist()


def test_a_model_that_was_opened_later_has_no_evidence(ran: Callable[..., Run]) -> None:
    made = ran([Analyzer("seen", analyze=Seen())], "[seen]")
    for run in (made, cfplug.open_run(made.path)):
        with pytest.raises(CapabilityError) as caught:
            _ = run.model.evidence
        assert (
            str(caught.value)
            == "pmf (factors/pmf) has no data at hand: only a run that analyses has it"
        )


@pytest.mark.parametrize(
    ("entry", "once", "expected"),
    [
        ("seen", False, ["pmf", "bias", "classes"]),
        ("seen", True, ["pmf"]),
        ("{use: seen, models: [classes, bias]}", False, ["bias", "classes"]),
        ("{use: seen, models: [classes, bias]}", True, ["bias"]),
        ("{use: seen, models: []}", False, ["pmf", "bias", "classes"]),
    ],
)
def test_an_analyzer_looks_at_the_models_that_its_entry_names(
    ran: Callable[..., Run], entry: str, once: bool, expected: list[str]
) -> None:
    seen = Seen()
    made = ran([Analyzer("seen", analyze=seen, once=once)], f"[{entry}]")
    assert [model.name for model in seen.models] == expected
    assert [(section.analyzer, section.model) for section in made.sections] == [
        ("seen", name) for name in expected
    ]
    assert cfplug.open_run(made.path).sections == made.sections


def test_a_model_that_lacks_what_an_analyzer_needs_is_reported_in_one_line(
    ran: Callable[..., Run],
) -> None:
    seen = Seen()
    made = ran(
        [Analyzer("seen", analyze=seen, requires="distribution")], "[{use: seen, name: theirs}]"
    )
    assert [model.name for model in seen.models] == ["classes"]
    assert made.sections[0] == Section(
        "theirs of pmf",
        "pmf has no distribution, which this needs.",
        analyzer="theirs",
        model="pmf",
    )
    assert [section.model for section in made.sections] == ["pmf", "bias", "classes"]


def raises(params: Any, fitted: FittedModel, context: cfplug.Context) -> Section:
    raise KeyError("no column\ncalled <b>year</b>")


def leaves(params: Any, fitted: FittedModel, context: cfplug.Context) -> Section:
    raise SystemExit(3)


def test_an_analyzer_that_fails_costs_one_section(ran: Callable[..., Run]) -> None:
    words, seen = Words(), Seen()
    analyzers = [
        Analyzer("raises", analyze=raises),
        Analyzer("leaves", analyze=leaves),
        Analyzer("seen", analyze=seen),
    ]
    made = ran(
        analyzers,
        "[{use: raises, models: [pmf]}, {use: leaves, models: [pmf]}, seen]",
        reporter=words,
    )
    raised, left, *others = made.sections
    where = (
        "of plugin mine (tests 1.0), ours.yaml:5:13, failed: KeyError: 'no column\\ncalled "
        "<b>year</b>'"
    )
    assert raised == Section(
        "raises of pmf", f"mine/raises {where}", analyzer="raises", model="pmf"
    )
    assert "ours.yaml:5:43, failed: PluginError: the component called sys.exit(" in left.text[0]
    assert [section.model for section in others] == ["pmf", "bias", "classes"]
    page = (made.path / "report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;year&lt;/b&gt;" in page
    assert "<b>year" not in page
    warnings = [text for text in words.said if text.startswith("warning: ")]
    assert len(warnings) == 2
    assert 'in raises\n    raise KeyError("no column' in warnings[0]
    assert cfplug.open_run(made.path).claims_met


def test_an_analyzer_that_is_interrupted_stops_the_run(ran: Callable[..., Run]) -> None:
    def interrupted(params: Any, fitted: FittedModel, context: cfplug.Context) -> Section:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ran([Analyzer("interrupted", analyze=interrupted)], "[interrupted]")


def test_what_an_analyzer_gave_is_kept_in_plain_numbers(ran: Callable[..., Run]) -> None:
    def numpys(params: Any, fitted: FittedModel, context: cfplug.Context) -> Section:
        return Section("numbers", tables=[Table("t", ("n",), [(np.float32(0.5),), (np.int64(3),)])])

    made = ran([Analyzer("numpys", analyze=numpys)], "[{use: numpys, models: [bias]}]")
    assert [type(row[0]) for row in made.sections[0].tables[0].rows] == [float, int]
    assert (made.path / "sections/bias/numpys/1-t.csv").read_bytes() == b"n\r\n0.5\r\n3\r\n"


def test_two_runs_analyse_the_same(ran: Callable[..., Run]) -> None:
    one, other = (ran([Analyzer("seen", analyze=Seen())], "[seen]") for _ in range(2))
    assert one.sections == other.sections
    assert (
        len({section.text for section in one.sections}) == 1
    )  # every model's analyzer draws from the same start


def test_a_model_knows_what_its_users_gave_and_which_of_it_is_like_an_item(
    ran: Callable[..., Run],
) -> None:
    seen = Seen()
    made = ran([Analyzer("seen", analyze=seen)], "[{use: seen, models: [pmf]}]")
    ratings = seen.models[0].evidence.dataset.ratings
    for model in (made.model, cfplug.open_run(made.path).model):
        for user, theirs in list(ratings.groupby("user"))[:5]:
            given = model.rated(user)
            assert dict(zip(given["item"], given["rating"], strict=True)) == dict(
                zip(theirs["item"], theirs["rating"], strict=True)
            )
            like = given["item"].iloc[0]
            alike = model.rated(user, like=like)
            assert set(alike["item"]) <= set(given["item"]) - {like}
            assert alike["similarity"].is_monotonic_decreasing
            expected = model.similar(like, 17).set_index("item")["similarity"]
            assert alike["similarity"].tolist() == expected.loc[alike["item"]].tolist()
    assert made.model.rated(999).empty
