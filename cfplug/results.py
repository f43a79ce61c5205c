"""What a run left behind: its models, its numbers, its claims; in memory or opened from its folder."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from attrs import field, frozen

from cfplug.components import Section, Table
from cfplug.errors import CapabilityError, did_you_mean
from cfplug.plan import Claim, Recipe
from cfplug.prediction import FittedModel

if TYPE_CHECKING:
    from fastai.learner import Learner

METRICS = ("model", "seed", "part", "metric", "value")
"""The columns of a run's metrics."""


@frozen
class Measured:
    """A claim beside what was measured, as mean over the seeds."""

    claim: Claim
    model: str
    value: float

    @property
    def met(self) -> bool:
        return self.claim.met_by(self.value)


@frozen(eq=False, repr=False)
class Run:
    """A finished run.

    `metrics` is a table with the columns model, seed, part, metric and value. `model` is the first
    model of the recipe, `models` are all of them, one for each seed.
    """

    path: Path
    recipe: Recipe
    models: tuple[FittedModel, ...]
    metrics: pd.DataFrame
    sections: tuple[Section, ...] = ()
    learners: Mapping[tuple[str, int], Learner] = field(factory=dict)

    @property
    def model(self) -> FittedModel:
        return self.models[0]

    def find(self, name: str, seed: int | None = None) -> FittedModel:
        """The model of this name and seed (the first seed if none is given)."""
        for model in self.models:
            if model.name == name and seed in (None, model.seed):
                return model
        names = {model.name for model in self.models}
        raise CapabilityError(
            f"the run has no model called {name!r}{did_you_mean(name, names)} (it has {', '.join(sorted(names))})"
        )

    @property
    def learner(self) -> Learner:
        """The fastai Learner that trained the first model, ready to go on by hand."""
        learner = self.learners.get((self.model.name, self.model.seed))
        if learner is None:
            raise CapabilityError(
                f"there is no Learner for {self.model.name}: the run was opened from its folder, "
                "was resumed after the model was trained, or the model fits itself"
            )
        return learner

    def claims(self) -> tuple[Measured, ...]:
        """Each claim of the recipe with what was measured."""
        first = self.recipe.models[0].name
        return tuple(
            Measured(claim, model := claim.model or first, self.values(model, claim.metric, claim.part).mean())
            for claim in self.recipe.claims
        )

    @property
    def claims_met(self) -> bool:
        return all(claim.met for claim in self.claims())

    def values(self, model: str, metric: str, part: str = "valid") -> pd.Series[float]:
        """The values of one metric, one for each seed."""
        rows = self.metrics
        return rows[(rows["model"] == model) & (rows["metric"] == metric) & (rows["part"] == part)]["value"]

    def table(self) -> Table:
        """One row for each model, part and metric: measured (mean and deviation over seeds) beside claimed.

        Where there are several claims about one of them, each has its row.
        """
        claims = self.claims()
        rows: list[tuple[object, ...]] = []
        for key, group in self.metrics.groupby(["model", "part", "metric"], sort=False):
            measured = (*key, _number(group["value"].to_numpy()))
            its_own = [claim for claim in claims if (claim.model, claim.claim.part, claim.claim.metric) == key]
            rows += [(*measured, *_claim_cells(claim)) for claim in its_own] or [(*measured, "", "", "")]
        seeds = len(self.recipe.seeds)
        mean = "measured" if seeds == 1 else f"measured, mean of {seeds} seeds"
        return Table(self.recipe.title, ("model", "part", "metric", mean, "claimed", "met", "source"), rows)

    def __repr__(self) -> str:
        return f"{self.table()}\n{self.path}"

    def _repr_html_(self) -> str:
        table = self.table()
        head = "".join(f"<th>{html.escape(column)}</th>" for column in table.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in table.rows
        )
        caption = f"<caption>{html.escape(table.title)}</caption>"
        where = f"<p><code>{html.escape(str(self.path))}</code></p>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{where}"


def _number(values: np.ndarray) -> str:
    deviation = f" ± {values.std(ddof=1):.4f}" if len(values) > 1 else ""
    return f"{values.mean():.4f}{deviation}"


def _claim_cells(claim: Measured) -> tuple[str, str, str]:
    return claim.claim.bound(), "yes" if claim.met else "no", claim.claim.source
