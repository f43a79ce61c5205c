"""Checks of analyzers: they change nothing, and return data that a page can show."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import attrs
import numpy as np
import pandas as pd

from cfplug.errors import CfplugError, PluginError
from cfplug.evaluation.folds import measured
from cfplug.files import json_text
from cfplug.plugin.components import DISTRIBUTION, Analyzer
from cfplug.prediction.fitted_model import FittedModel
from cfplug.recipe.parser import parse_recipe
from cfplug.report.elements import Chart, Section, Table
from cfplug.report.serialize import csv_files, to_dicts
from cfplug.runs.analysis import analyze, with_evidence
from cfplug.runs.page import render
from cfplug.runs.run import METRICS, Run
from cfplug.testing.check import Check, CheckError, Subject, fail_if, no_error
from cfplug.testing.compare import (
    array_difference,
    check_ratings,
    dataset_difference,
    frame_difference,
)
from cfplug.testing.fixtures.datasets import (
    TAG,
    DatasetSpec,
    Request,
    dataset_copy,
    model_arrays,
    pairs_of,
    trained_case,
)
from cfplug.testing.fixtures.isolation import seeded
from cfplug.testing.fixtures.train import check_context, component_use

SMALL = {
    "without times": DatasetSpec(21, 13, 130, time=False),
    "without metadata": DatasetSpec(13, 21, 130, metadata=False),
    "with one item": DatasetSpec(7, 1, 7),
    "with one user": DatasetSpec(1, 6, 6),
    "with two ratings": DatasetSpec(2, 1, 2, metadata=False, time=False),
    "of equal ratings": DatasetSpec(9, 5, 30, constant=True),
}
"""Data in which something is missing that an analyzer may use."""


def gives_a_section(subject: Subject) -> None:
    """Return a Section whose cells are text, finite numbers or None."""
    model = _model(subject)
    with no_error(f"analyze of {model.evidence.dataset}"):
        _analyze(subject, model)


def renders(subject: Subject) -> None:
    """Return a section with a title that can be a page, text, JSON and CSV."""
    section = _section(subject, _model(subject))
    if section is None:
        return
    if not section.title.strip():
        raise CheckError("section: expected a title, got none")
    with no_error("section as a page, text, CSV and JSON"):
        _page(subject, section)
        for table in (*section.tables, *(chart.table() for chart in section.charts)):
            str(table)
        list(csv_files([section]))
        json_text(to_dicts([section]))
    for chart in section.charts:
        _check_chart(chart)


def _check_chart(chart: Chart) -> None:
    for row in chart.rows:
        for name, cell in zip(chart.columns, row, strict=True):
            if cell is not None and not isinstance(cell, str | bool | int | float):
                place = f"chart {chart.title!r}, column {name}"
                raise CheckError(f"{place}: expected text, a number or None, got {cell!r}")


def hostile_text_is_escaped(subject: Subject) -> None:
    """Return plain text, with ids and titles as they are; the page escapes it."""
    model = _model(subject)
    try:
        given = _call(subject, model)
    except Exception:
        return  # reported by gives_a_section
    if not isinstance(given, Section):
        return
    advice = "Give text as it is; the page escapes it."
    for text in _texts(given):
        if type(text) is not str:
            kind = type(text).__name__
            raise CheckError(f"section: expected plain str, got {kind} {text!r:.60}. {advice}")
        if f"&lt;{TAG}" in text:
            raise CheckError(f"section: expected plain text, got escaped {text!r:.60}. {advice}")
    section = _section(subject, model)
    if section is not None and TAG in _Tags.of(_page(subject, section)):
        raise CheckError(f"page: expected <{TAG}> of the data as text, got an element. {advice}")


class _Tags(HTMLParser):
    """The names of the elements of a page, as a browser finds them."""

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
    """Yield every text in a section, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _texts(each)
    elif attrs.has(type(value)):
        for name in attrs.fields_dict(type(value)):
            yield from _texts(getattr(value, name))


def model_unchanged(subject: Subject) -> None:
    """Change neither an array of the model nor its predictions."""
    model = _model(subject)
    ratings = model.evidence.train
    users, items = (ratings[side].drop_duplicates().tolist()[:6] for side in ("user", "item"))
    pairs = pairs_of(users, items)
    before, expected = model_arrays(model), model.answer(pairs).rating
    with contextlib.suppress(Exception):
        _call(subject, model)
    place, advice = "model after analyze", "Work on a copy (copy.deepcopy)."
    fail_if(array_difference(before, model_arrays(model)), place, advice)
    check_ratings(pairs, expected, model.answer(pairs).rating, place, advice, exact=True)


def evidence_unchanged(subject: Subject) -> None:
    """Change neither the data, the held-out ratings nor the history."""
    model = _model(subject)
    evidence = model.evidence
    dataset = dataset_copy(evidence.dataset)
    names = ("held_out", "history", "schedule")
    frames = {name: getattr(evidence, name).copy(deep=True) for name in names}
    arrays = {}
    if evidence.distribution is not None:
        arrays["distribution"] = evidence.distribution
    before = {name: array.copy() for name, array in arrays.items()}
    with contextlib.suppress(Exception):
        _call(subject, model)

    differences = {"dataset": dataset_difference(dataset, evidence.dataset)}
    for name, frame in frames.items():
        differences[name] = frame_difference(frame, getattr(evidence, name))
    differences["distribution"] = array_difference(before, arrays)
    for name, difference in differences.items():
        fail_if(difference, f"evidence.{name} after analyze", "Work on a copy (.copy()).")


def same_seed_same_section(subject: Subject) -> None:
    """Return the same section of the same model and seed, whatever was drawn before."""
    one = _section(subject, _model(subject), state=1)
    two = _section(subject, _model(subject), state=2)
    if one is None or two is None or one == two:
        return  # reported by gives_a_section
    for expected, found in zip(_cells(one), _cells(two), strict=False):
        if str(expected) != str(found):
            raise CheckError(
                f"analyze twice with one seed: expected {expected!r:.80}, got {found!r:.80}. "
                "Draw from context.rng alone."
            )
    raise CheckError("analyze twice with one seed: expected the same section, got another one")


def _cells(section: Section) -> Iterator[Any]:
    yield section.title
    yield from section.text
    every: list[Table | Chart] = [*section.tables, *section.charts]
    for each in every:
        yield each.title
        yield from each.columns
        for row in each.rows:
            yield from row
        yield each.note


def needs_what_it_declares(subject: Subject) -> None:
    """Need no more of a model than `requires` declares."""
    if _section(subject, _model(subject)) is None:
        return  # reported by gives_a_section
    requires = cast(Analyzer, subject.component).requires
    model = _model(subject)
    evidence = model.evidence
    if DISTRIBUTION not in requires:
        evidence = attrs.evolve(evidence, distribution=None)
    model = attrs.evolve(model, provides=requires, evidence=evidence)
    place = f"analyze of a model that provides {', '.join(requires) or 'nothing'} alone"
    with no_error(place, "Declare what it needs in `requires`."):
        _analyze(subject, model)


def handles_missing_data(subject: Subject) -> None:
    """Return a section or raise a cfplug error where times, metadata or ratings are missing."""
    if _section(subject, _model(subject)) is None:
        return  # reported by gives_a_section
    advice = "Leave out what is missing, or raise a cfplug.DataError that says so."
    for what, spec in SMALL.items():
        model = _model(subject, spec)
        place = f"analyze of data {what} ({model.evidence.dataset})"
        with no_error(place, advice):
            try:
                _analyze(subject, model)
            except PluginError:
                raise  # what it returned is not a section
            except CfplugError:
                pass


def _model(subject: Subject, spec: DatasetSpec | None = None) -> FittedModel:
    """Return a new model with evidence that provides what the analyzer requires."""
    requires = cast(Analyzer, subject.component).requires
    request = Request(spec or DatasetSpec(), requires=requires, unknown="coldstart/global-mean")
    case = trained_case(subject.registry, request)
    answers = {}
    for part, rows in measured(case.split).items():
        answers[part] = case.model.answer(case.dataset.ratings.iloc[rows])
    return with_evidence(case.fitted, case.use, case.dataset, case.split, answers)


def _analyze(subject: Subject, model: FittedModel, state: int = 0) -> Section:
    """Return the section as a run gets it; `state` is the seed of the global generators."""
    assert subject.entry is not None
    use = component_use(subject.entry, subject.params)
    with seeded(state):
        return analyze(use, model, check_context(0, "analyze"))


def _section(subject: Subject, model: FittedModel, state: int = 0) -> Section | None:
    """Return the section, or None; `gives_a_section` reports where there is none."""
    try:
        return _analyze(subject, model, state)
    except Exception:
        return None


def _call(subject: Subject, model: FittedModel) -> Any:
    """Return what the analyzer's own function gives."""
    with seeded(0):
        return subject.function("analyze")(subject.params, model, check_context(0, "analyze"))


def _page(subject: Subject, section: Section) -> str:
    """Return the page of a run that has this section alone."""
    text = "data: synthetic\nmodels: [mean]\nmetrics: [mse]\n"
    recipe = parse_recipe(text, "check.yaml", registry=subject.registry)
    row = ("mean", 42, "", "valid", "mse", 1.0, np.nan, np.nan)
    run = Run(Path("check"), recipe, (), pd.DataFrame([row], columns=list(METRICS)), (section,))
    environment = {
        "data": "a check",
        "python": "3",
        "device": "cpu",
        "threads": 1,
        "seeds": [42],
        "data_sha256": "0" * 64,
        "versions": {"cfplug": "0", "torch": "0"},
    }
    return render(run, environment, Table("Training", (), ()))


CHECKS = (
    Check(gives_a_section),
    Check(renders),
    Check(hostile_text_is_escaped),
    Check(model_unchanged),
    Check(evidence_unchanged),
    Check(same_seed_same_section),
    Check(needs_what_it_declares),
    Check(handles_missing_data),
)
