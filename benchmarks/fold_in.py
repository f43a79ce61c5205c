"""Measure how fast new users are folded in: 10,000 at once, and one alone.

The baseline solves one ridge regression after the other.

Ten ratings each, vectors of 50 factors and a bias, 1,682 items; first the arithmetic alone on a
made-up population, then all that a question takes, from a table of ratings to predictions, with a
PMF that was trained on made-up ratings. What is learned from training ratings is learned once, when
a model is first asked, and is not measured.
"""

from __future__ import annotations

import functools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from cfplug_coldstart.population import Population
from cfplug_coldstart.posterior import posterior

import cfplug
from cfplug import FittedModel
from cfplug.progress import Quiet

NEWCOMERS, RATINGS, WIDTH, ITEMS = 10_000, 10, 51, 1_682
NAIVE = 500
"""Newcomers that are solved for one by one; their seconds are scaled to all 10,000."""


def made_up(rng: np.random.Generator) -> Population:
    """A population whose slopes and covariance are full."""
    root = rng.normal(size=(WIDTH, WIDTH)) / WIDTH
    slopes, zero = rng.normal(size=(ITEMS, WIDTH)), np.zeros(WIDTH)
    ids = np.zeros((1, WIDTH))
    return Population(
        "user", zero, slopes, rng.uniform(0.5, 1.5, ITEMS), root @ root.T + 0.01, ids, ids, zero
    )


def one_by_one(here: Population, others: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Return (S^-1 + J' N^-1 J)^-1 J' N^-1 y of each new user; inputs have shape (n, ratings)."""
    precision = np.linalg.inv(here.cov + 1e-9 * np.eye(WIDTH))
    means = []
    for codes, own in zip(others, residual, strict=True):
        weighted = here.slopes[codes].T / here.noise[codes]
        means.append(np.linalg.solve(precision + weighted @ here.slopes[codes], weighted @ own))
    return np.array(means)


RECIPE = """
data: {use: synthetic, users: 2000, items: 1682, ratings: 60000}
models: [{use: pmf, factors: 50}]
loss: {use: mse, range: [0, 5.5]}
train: {epochs: 1, batch_size: 512}
unknown: fold-in
device: cpu
"""


def trained(folder: Path) -> FittedModel:
    """A PMF of 50 factors whose policy for newcomers is fold-in, asked once."""
    (folder / "made-up.yaml").write_text(RECIPE)
    model = cfplug.run(folder / "made-up.yaml", out=folder, reporter=Quiet()).model
    model.predict(pd.DataFrame({"user": [10**6], "item": [1]}))
    return model


def new_ratings(users: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return ten ratings of each of `users` users that training never saw."""
    items = np.argsort(rng.random((users, ITEMS // 4)), axis=1)[:, :RATINGS] + 1
    ids = 10**6 + np.repeat(np.arange(users), RATINGS)
    return pd.DataFrame(
        {"user": ids, "item": items.ravel(), "rating": rng.integers(1, 6, len(ids)).astype(float)}
    )


def answered(model: FittedModel, ratings: pd.DataFrame) -> pd.DataFrame:
    """A prediction for each newcomer, from the table of what they rated."""
    pairs = ratings[["user", "item"]].drop_duplicates("user")
    return model.predict(pairs, newcomers=model.newcomers(ratings=ratings))


def seconds(work: Callable[[], object], rounds: int = 5) -> float:
    """The median of wall seconds; one round before them fills the caches."""
    work()
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main() -> None:
    """Seconds of 10,000 newcomers, milliseconds of one, and how many times less than one by one."""
    rng = np.random.default_rng(0)
    here = made_up(rng)
    others, residual = (
        rng.integers(0, ITEMS, (NEWCOMERS, RATINGS)),
        rng.normal(size=(NEWCOMERS, RATINGS)),
    )
    rows, prior = np.repeat(np.arange(NEWCOMERS), RATINGS), np.zeros((NEWCOMERS, WIDTH))
    naive = seconds(lambda: one_by_one(here, others[:NAIVE], residual[:NAIVE])) * NEWCOMERS / NAIVE
    means = seconds(lambda: posterior(here, prior, rows, others.ravel(), residual.ravel()).mean)
    whole = seconds(lambda: posterior(here, prior, rows, others.ravel(), residual.ravel()).cov)
    one = seconds(
        lambda: posterior(here, prior[:1], rows[:RATINGS], others[0], residual[0]).cov, 101
    )
    print(f"{NEWCOMERS:,} newcomers, one by one: {naive:.2f} s")
    print(
        f"{NEWCOMERS:,} new users, vectors: {means:.2f} s (at most 1 s), "
        f"{naive / means:.1f} times less"
    )
    print(
        f"{NEWCOMERS:,} new users, vectors and covariances: {whole:.2f} s, "
        f"{naive / whole:.1f} times less"
    )
    print(f"one newcomer, vector and covariance: {1000 * one:.2f} ms (to stay under 1 ms)")
    with tempfile.TemporaryDirectory() as folder:
        model = trained(Path(folder))
    for users in (NEWCOMERS, 1):
        ratings = new_ratings(users, rng)
        whole = seconds(functools.partial(answered, model, ratings))
        print(
            f"{users:,} new users, from a table of ratings to a prediction for each: "
            f"{1000 * whole:,.0f} ms"
        )


if __name__ == "__main__":
    main()
