"""Which columns of users and items does the audit look at, and which groups do they make?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from cfplug.data.groups import Groups, groups_by_count, groups_of

if TYPE_CHECKING:
    from cfplug import Dataset, FittedModel

MOST, BANDS, COLUMNS = 24, 5, 4
"""Groups of words with a name of their own, bands into which numbers are cut, columns of a table that are looked at."""

ACTIVITY = "ratings given"
"""The column that no table has."""


@frozen(eq=False)
class Column:
    """A column in words, and the groups that it makes of the ids in the catalogue's order."""

    name: str
    groups: Groups


def columns(dataset: Dataset, table: str, roles: tuple[str, ...]) -> Iterator[Column]:
    """The first columns of `table` with one of `roles`, of those that make more than one group."""
    names = [name for name, role in dataset.roles[table].items() if role in roles]
    for name in names[:COLUMNS]:
        groups = groups_of(dataset.tables()[table][name], dataset.roles[table][name], BANDS, MOST)
        if len(groups.names) > 1:
            yield Column(name.replace("_", " "), groups)


def columns_of_users(fitted: FittedModel) -> Iterator[Column]:
    """Users by how much they rated, and by every column that serves."""
    activity = groups_by_count(fitted.support.count["user"], BANDS)
    if len(activity.names) > 1:
        yield Column(ACTIVITY, activity)
    yield from columns(fitted.evidence.dataset, "users", ("category", "number", "set"))
