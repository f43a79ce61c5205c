"""Runs on made-up ratings, with titles that a page must escape; each is made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cfplug

USERS, ITEMS = 61, 34
HOSTILE = "<script>alert('1')</script>"


def _tables(folder: Path) -> None:
    """Return low-rank ratings with text users, integer items and titles; two share a title."""
    rng = np.random.default_rng(0)
    taste = rng.normal(size=(USERS, 2)) @ rng.normal(size=(2, ITEMS)) + rng.normal(0, 0.6, ITEMS)
    cells = rng.choice(USERS * ITEMS, USERS * ITEMS // 2, replace=False)
    user, item = np.divmod(np.sort(cells), ITEMS)
    rating = np.clip(
        np.rint(2 * (3 + 0.8 * taste[user, item] + rng.normal(0, 0.3, len(user)))) / 2, 0.5, 5.5
    )
    ids = [f"ü {number}" for number in user]
    pd.DataFrame({"user": ids, "item": 7 * item + 3, "rating": rating}).to_csv(
        folder / "ratings.csv", index=False
    )
    titles = [HOSTILE, "Heat", "Heat", *(f"Film {number}" for number in range(3, ITEMS))]
    pd.DataFrame({"item": 7 * np.arange(ITEMS) + 3, "title": titles}).to_csv(
        folder / "items.csv", index=False
    )


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], cfplug.Run]:
    """Runs a recipe about these ratings, of which a test tells all but the data."""
    made: dict[str, cfplug.Run] = {}
    folder = tmp_path_factory.mktemp("town")
    _tables(folder)

    def run(recipe: str) -> cfplug.Run:
        if recipe not in made:
            path = folder / f"recipe{len(made)}.yaml"
            path.write_text(
                f"data: {{use: csv, ratings: ratings.csv, items: items.csv}}\n{recipe}",
                encoding="utf-8",
            )
            made[recipe] = cfplug.run(path, out=folder / "runs")
        return made[recipe]

    return run
