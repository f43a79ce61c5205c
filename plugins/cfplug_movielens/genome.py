"""The tag genome: how relevant each of some 1,100 tags is to a film, as a machine sees it."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from cfplug import DataError
from cfplug_movielens.archive import Archive
from cfplug_movielens.columns import table
from cfplug_movielens.films import tag_sets
from cfplug_movielens.lines import Format
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
    """For every one of `items` the tags whose relevance (0 to 1) to it is at least `relevance`, sorted.

    DataError if the archive has no genome, or names a line with a tag that has no name.
    """
    for file in (SCORES, TAGS):
        if not archive.has(file):
            raise DataError(
                f"{archive.path}: no {archive.root}{file} in it, so it has no tag genome; leave it out "
                "(genome: false), or take movielens-20m or movielens-25m as it was published"
            )
    member = archive.read(SCORES)
    scores = table(member, _SCORES)
    names = table(archive.read(TAGS), _TAGS).set_index("tag")["name"]
    check_column(
        scores["relevance"],
        scores["relevance"].between(0, 1).to_numpy(),
        "must be from 0 to 1",
        member,
        _SCORES,
    )
    check_column(
        scores["tag"],
        scores["tag"].isin(names.index).to_numpy(),
        f"must be in {TAGS}",
        member,
        _SCORES,
    )
    relevant = scores[scores["relevance"] >= relevance]
    named = pd.DataFrame({"item": relevant["item"], "tag": relevant["tag"].map(names)})
    return tag_sets(named, items)
