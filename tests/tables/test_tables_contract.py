"""The sources of tables pass every check of their kind, on small files of ours."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from cfplug.testing import plugin_checks

FOLDER = tempfile.TemporaryDirectory(prefix="cfplug-tables-")
"""Removed when the tests end."""


def files() -> dict[str, dict[str, object]]:
    """The paths of a few ratings and their users, as CSV and as Parquet."""
    folder = Path(FOLDER.name)
    rows = [
        (f"<b>{user}</b>, \u05d0", item, 1 + (user * item) % 5, 981_158_400 + user * item)
        for user, item in PAIRS
    ]
    ratings = pd.DataFrame(rows, columns=["user", "item", "rating", "time"])
    users = pd.DataFrame(
        {
            "user": ratings["user"].unique(),
            "age": [31, None, 54],
            "town": ["K\u00f6ln", "Rom", None],
        }
    )
    for name, table in (("ratings", ratings), ("users", users)):
        table.to_csv(folder / f"{name}.csv", index=False)
        table.to_parquet(folder / f"{name}.parquet", index=False)
    return {
        f"source/{kind}": {
            "ratings": f"{folder}/ratings.{kind}",
            "users": f"{folder}/users.{kind}",
            "scale": [1, 5],
        }
        for kind in ("csv", "parquet")
    }


PAIRS = [(2, 5), (1, 1), (3, 2), (1, 4), (2, 1), (3, 3), (1, 2), (2, 3)]

SMALL = {"source/synthetic": {"users": 30, "items": 17, "ratings": 200}}

test_contract = plugin_checks("tables", examples=3, params={**files(), **SMALL})
