"""The laws of analyzers: they look and tell, and change nothing; what they tell is data that a page can show."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import attrs
import numpy as np
import pandas as pd

from cfplug.errors import CfplugError
from cfplug.evaluation.folds import measured
from cfplug.files import json_text
from cfplug.plugin.components import DISTRIBUTION, Analyzer
from cfplug.prediction.evidence import Evidence
from cfplug.prediction.fitted_model import FittedModel
from cfplug.recipe.parser import parse_recipe
from cfplug.report.elements import Chart, Section, Table
from cfplug.report.serialize import csv_files, to_dicts
from cfplug.runs.analysis import analyze, with_evidence
from cfplug.runs.page import render
from cfplug.runs.run import METRICS, Run
from cfplug.testing.check import BrokenLawError, Check, Subject
from cfplug.testing.compare import of_arrays, of_datasets, of_frames
from cfplug.testing.fixtures.datasets import TAG, Ask, Plan, arrays_in, own_copy, pairs_of, world
from cfplug.testing.fixtures.isolation import shaken
from cfplug.testing.fixtures.train import quiet, use_of

SMALL = {
    "without times": Plan(users=21, items=13, ratings=130, time=False),
    "without metadata": Plan(users=13, items=21, ratings=130, metadata=False),
    "with one item": Plan(users=7, items=1, ratings=7),
    "with one user": Plan(users=1, items=6, ratings=6),
    "with two ratings": Plan(users=2, items=1, ratings=2, metadata=False, time=False),
    "of equal ratings": Plan(users=9, items=5, ratings=30, constant=True),
}
"""Data in which something is missing that an analyzer may want to look at."""


def gives_a_section(subject: Subject) -> None:
    """On an ordinary model it gives a Section, whose cells are text, finite numbers or nothing."""
    _section(subject, _model(subject))


def renders(subject: Subject) -> None:
    """Its section can be shown as a page, read as text, kept as JSON and written as CSV."""
    section = _told(subject, _model(subject))
    if section is None:
        return
    if not section.title.strip():
        raise BrokenLawError("its section has no title")
    try:
        _page(subject, section)
        for table in (*section.tables, *(chart.table() for chart in section.charts)):
            str(table)
        list(csv_files([section]))
        json_text(to_dicts([section]))
    except Exception as error:
        raise BrokenLawError(
            f"its section cannot be shown: {type(error).__name__}: {error}"
        ) from error
    for chart in section.charts:
        _check_chart(chart)


def _check_chart(chart: Chart) -> None:
    """A chart cannot be drawn whose cells are other than words, truth values, numbers or None."""
    for row in chart.rows:
        for name, cell in zip(chart.columns, row, strict=True):
            if cell is not None and not isinstance(cell, str | bool | int | float):
                where = f"the chart {chart.title!r} has {cell!r} in {name}"
                raise BrokenLawError(f"{where}; a cell is text, a number or None")


def hostile_text_is_escaped(subject: Subject) -> None:
    """Ids and titles stand on the page as they are, whatever tags they hold; a section's text is plain text."""
    model = _model(subject)
    try:
        with shaken(0):
            given = subject.function("analyze")(subject.params, model, quiet(0, "analyze"))
    except Exception:
        return  # gives-a-section tells
    if not isinstance(given, Section):
        return
    for text in _texts(given):
        if type(text) is not str:
            raise BrokenLawError(
                f"its section holds a {type(text).__name__}, {text!r:.60}; "
                "give plain text (str), which the page escapes"
            )
        if f"&lt;{TAG}" in text:
            raise BrokenLawError(
                f"its section holds text that is escaped already, {text!r:.60}; give it as it is: the page escapes it"
            )
    told = _told(subject, model)
    if told is None:
        return
    found = [tag for tag in _Tags.of(_page(subject, told)) if tag == TAG]
    if found:
        raise BrokenLawError(
            f"on the page what the data calls <{TAG}> became an element; give plain text (str)"
        )


class _Tags(HTMLParser):
    """The elements of a page as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    @classmethod
    def of(cls, page: str) -> list[str]:
        found = cls()
        found.feed(page)
        return found.tags


def _texts(value: Any) -> Iterator[str]:
    """Every text in a section, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _texts(each)
    elif attrs.has(type(value)):
        for name in attrs.fields_dict(type(value)):
            yield from _texts(getattr(value, name))


def model_unchanged(subject: Subject) -> None:
    """It never changes the model: neither an array nor an answer."""
    model = _model(subject)
    ratings = model.evidence.train
    users, items = (ratings[side].drop_duplicates().tolist()[:6] for side in ("user", "item"))
    pairs = pairs_of(users, items)
    before, rating = arrays_in(model), model.answer(pairs).rating
    _quietly(subject, model)
    if found := of_arrays(before, arrays_in(model)):
        raise BrokenLawError(f"it changed the model: {found}; work on a copy (copy.deepcopy)")
    if not np.array_equal(rating, model.answer(pairs).rating):
        raise BrokenLawError(
            "the model answers otherwise after the analysis; work on a copy (copy.deepcopy)"
        )


def evidence_unchanged(subject: Subject) -> None:
    """It does not change the evidence: the data, the held-out ratings, the history."""
    model = _model(subject)
    seen = model.evidence
    data, frames = own_copy(seen.dataset), _frames(seen)
    share = None if seen.distribution is None else seen.distribution.copy()
    _quietly(subject, model)
    found = {"dataset": of_datasets(data, seen.dataset)}
    found |= {name: of_frames(frame, getattr(seen, name)) for name, frame in frames.items()}
    if share is not None and seen.distribution is not None:
        found["distribution"] = of_arrays({"it": share}, {"it": seen.distribution})
    for name, words in found.items():
        if words:
            raise BrokenLawError(f"it changed evidence.{name}: {words}; work on a copy (.copy())")


def _frames(evidence: Evidence) -> dict[str, pd.DataFrame]:
    return {
        name: getattr(evidence, name).copy(deep=True)
        for name in ("held_out", "history", "schedule")
    }


def same_seed_same_section(subject: Subject) -> None:
    """The same model and seed give the same section, whatever else was drawn in the process before."""
    one, two = (_told(subject, _model(subject), state) for state in (1, 2))
    if one is None or two is None or one == two:
        return  # gives-a-section tells
    cells = zip(map(str, _cells(one)), map(str, _cells(two)), strict=False)
    apart = next(((a, b) for a, b in cells if a != b), ("", ""))
    raise BrokenLawError(
        f"told twice with one seed it differs: {apart[0]!r:.80} and {apart[1]!r:.80}; draw with context.rng alone"
    )


def _cells(section: Section) -> Iterator[Any]:
    yield section.title
    yield from section.text
    every: list[Table | Chart] = [*section.tables, *section.charts]
    for each in every:
        yield from (
            each.title,
            *each.columns,
            *(cell for row in each.rows for cell in row),
            each.note,
        )


def needs_what_it_declares(subject: Subject) -> None:
    """A model that gives exactly what it `requires`, and no more, is enough."""
    model = _model(subject)
    if _told(subject, model) is None:
        return  # gives-a-section tells
    needs = cast(Analyzer, subject.component).requires
    bare = _model(subject)
    evidence = (
        bare.evidence if DISTRIBUTION in needs else attrs.evolve(bare.evidence, distribution=None)
    )
    bare = attrs.evolve(bare, provides=needs, evidence=evidence)
    try:
        _section(subject, bare)
    except BrokenLawError as error:
        declared = " and ".join(needs) or "nothing"
        raise BrokenLawError(
            f"it declares that it needs {declared}; of a model that gives no more: {error}"
        ) from error


def copes_with_little(subject: Subject) -> None:
    """Where times, metadata or ratings are missing it gives a section, or an error of cfplug's that says so."""
    if _told(subject, _model(subject)) is None:
        return  # gives-a-section tells
    for words, plan in SMALL.items():
        model = _model(subject, plan)
        try:
            with shaken(0):
                analyze(_use(subject), model, quiet(0, "analyze"))
        except CfplugError as error:
            if "gave a section" in str(error):
                raise BrokenLawError(
                    f"of data {words} ({model.evidence.dataset}) {error}"
                ) from error
        except Exception as error:
            raise BrokenLawError(
                f"of data {words} ({model.evidence.dataset}) it raised {type(error).__name__}: {error}; leave out what "
                "cannot be said, or raise a cfplug.DataError that says what is missing"
            ) from error


# How an analyzer is asked


def _model(subject: Subject, plan: Plan | None = None) -> FittedModel:
    """A model of its own, with evidence, that gives what the analyzer needs."""
    needs = cast(Analyzer, subject.component).requires
    made = world(
        subject.registry, Ask(plan or Plan(), requires=needs, unknown="coldstart/global-mean")
    )
    ratings = made.dataset.ratings
    answers = {
        part: made.model.answer(ratings.iloc[rows]) for part, rows in measured(made.split).items()
    }
    return with_evidence(made.fitted, made.use, made.dataset, made.split, answers)


def _use(subject: Subject) -> Any:
    assert subject.entry is not None
    return use_of(subject.entry, subject.params)


def _section(subject: Subject, model: FittedModel) -> Section:
    try:
        with shaken(0):
            return analyze(_use(subject), model, quiet(0, "analyze"))
    except Exception as error:
        raise BrokenLawError(
            f"it told nothing of {model.evidence.dataset}: {type(error).__name__}: {error}"
        ) from error


def _told(subject: Subject, model: FittedModel, state: int = 0) -> Section | None:
    """Its section; None where it has none, of which gives-a-section tells."""
    try:
        with shaken(state):
            return analyze(_use(subject), model, quiet(0, "analyze"))
    except Exception:
        return None


def _quietly(subject: Subject, model: FittedModel) -> None:
    with contextlib.suppress(Exception), shaken(0):
        subject.function("analyze")(subject.params, model, quiet(0, "analyze"))


def _page(subject: Subject, section: Section) -> str:
    """The page of a run that has this section alone."""
    recipe = parse_recipe(
        "data: synthetic\nmodels: [mean]\nmetrics: [mse]\n", "check.yaml", registry=subject.registry
    )
    metrics = pd.DataFrame(
        [("mean", 42, "", "valid", "mse", 1.0, np.nan, np.nan)], columns=list(METRICS)
    )
    run = Run(Path("check"), recipe, (), metrics, (section,))
    environment: dict[str, Any] = {
        "python": "3",
        "device": "cpu",
        "threads": 1,
        "seeds": [42],
        "data_sha256": "0" * 64,
    }
    environment["versions"] = {"cfplug": "0", "torch": "0"}
    return render(run, environment, "a contract check", Table("Training", (), ()))


CHECKS = (
    Check("gives-a-section", gives_a_section),
    Check("renders", renders),
    Check("hostile-text-is-escaped", hostile_text_is_escaped),
    Check("model-unchanged", model_unchanged),
    Check("evidence-unchanged", evidence_unchanged),
    Check("same-seed-same-section", same_seed_same_section),
    Check("needs-what-it-declares", needs_what_it_declares),
    Check("copes-with-little", copes_with_little),
)
