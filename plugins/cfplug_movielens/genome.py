"""Read the tag genome: the relevance, from 0 to 1, of some 1,100 tags to each film."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from cfplug import DataError
from cfplug_movielens.archive import Archive
from cfplug_movielens.columns import read_table
from cfplug_movielens.films import tag_sets
from cfplug_movielens.rows import Format
from cfplug_movielens.tables import check_column

SCORES = "genome-scores.csv"
TAGS = "genome-tags.csv"

_SCORES = Format(
    ("item", "tag", "relevance"),
    ",",
    header=("movieId", "tagId", "relevance"),
    whole=("item", "tag"),
    decimals=("relevance",),
)
_TAGS = Format(("tag", "name"), ",", header=("tagId", "tag"), whole=("tag",), quoted=True)


def tags(archive: Archive, relevance: float, items: Iterable[int]) -> list[tuple[str, ...]]:
    """Return for each of `items` the sorted tags whose relevance to it is at least `relevance`.

    Raises:
        DataError: The archive has no genome, or a line of it has an unknown tag or relevance.
    """
    for file in (SCORES, TAGS):
        if not archive.has(file):
            raise DataError(
                f"{archive.path}: no {archive.root}{file} in it, so it has no tag genome. Set "
                "genome: false, or get the published archive of movielens-20m or movielens-25m."
            )
    member = archive.read(SCORES)
    scores = read_table(member, _SCORES)
    names = read_table(archive.read(TAGS), _TAGS).set_index("tag")["name"]
    check_column(
        scores["relevance"],
        scores["relevance"].between(0, 1).to_numpy(),
        "expected a number from 0 to 1",
        member,
        _SCORES,
    )
    check_column(
        scores["tag"],
        scores["tag"].isin(names.index).to_numpy(),
        f"expected a tag of {TAGS}",
        member,
        _SCORES,
    )
    relevant = scores[scores["relevance"] >= relevance]
    named = pd.DataFrame({"item": relevant["item"], "tag": relevant["tag"].map(names)})
    return tag_sets(named, items)
