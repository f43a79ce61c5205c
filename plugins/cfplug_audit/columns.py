"""The columns of users and items that the audit uses, and the groups that they make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from cfplug.data.groups import Groups, groups_by_count, groups_of

if TYPE_CHECKING:
    from cfplug import Dataset, FittedModel

MOST_NAMES = 24
"""How many categories are groups of their own; all others are one group."""

BANDS = 5
"""How many bands numbers are cut into."""

MOST_COLUMNS = 4
"""How many columns of a table are used."""

ACTIVITY = "ratings given"
"""The name of the grouping of users by how many ratings they gave."""


@frozen(eq=False)
class Column:
    """The name of a column, and its groups of the ids in the catalogue's order."""

    name: str
    groups: Groups


def columns(dataset: Dataset, table: str, roles: tuple[str, ...]) -> Iterator[Column]:
    """Yield the first columns of `table` with one of `roles`, if they make more than one group."""
    names = [name for name, role in dataset.roles[table].items() if role in roles]
    for name in names[:MOST_COLUMNS]:
        groups = groups_of(
            dataset.tables()[table][name], dataset.roles[table][name], BANDS, MOST_NAMES
        )
        if len(groups.names) > 1:
            yield Column(name.replace("_", " "), groups)


def columns_of_users(fitted: FittedModel) -> Iterator[Column]:
    """Yield the groups of users by how much they rated, and by every column that makes groups."""
    activity = groups_by_count(fitted.support.count["user"], BANDS)
    if len(activity.names) > 1:
        yield Column(ACTIVITY, activity)
    yield from columns(fitted.evidence.dataset, "users", ("category", "number", "set"))
