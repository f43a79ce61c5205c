"""The columns that the audit uses, each with the groups that it makes."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from cfplug_audit.columns import (
    ACTIVITY,
    BANDS,
    MOST_COLUMNS,
    MOST_NAMES,
    columns,
    columns_of_users,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug import Dataset, FittedModel


def world(**given: list[object]) -> Dataset:
    """As many users as the columns have rows, two items."""
    n = len(next(iter(given.values())))
    rated = pd.DataFrame({"user": [1, 1, n], "item": [1, 2, 1], "rating": [1.0, 2.0, 3.0]})
    users = pd.DataFrame(
        {"user": range(1, n + 1), **{k: pd.Series(v, dtype=object) for k, v in given.items()}}
    )
    roles = {name: ROLE.get(name, "category") for name in given}
    return Dataset.build("w", rated, users.infer_objects(), roles={"users": roles})


ROLE = {"age": "number", "likes": "set"}


def test_columns_have_their_roles_their_words_and_their_groups() -> None:
    data = world(
        day_job=["nurse", "cook", "cook"], likes=[("a",), ("a", "b"), ()], age=[3.0, 4.0, 5.0]
    )
    assert [each.name for each in columns(data, "users", ("category", "set"))] == [
        "day job",
        "likes",
    ]
    (ages,) = columns(data, "users", ("number",))
    assert (ages.name, ages.groups.names) == ("age", ("3", "4", "5"))


def test_of_many_categories_the_last_ones_share_a_group() -> None:
    (jobs,) = columns(
        world(job=[*"aabbcc", *(f"job {i}" for i in range(40))]), "users", ("category",)
    )
    assert len(jobs.groups.names) == MOST_NAMES + 1
    assert jobs.groups.names[:3] == ("a", "b", "c")
    assert jobs.groups.names[-1] == f"the other {43 - MOST_NAMES} values"
    assert (jobs.groups.member.sum(axis=1) == 1).all()


@given(
    st.lists(st.one_of(st.none(), st.integers(-9, 99)), min_size=4, max_size=60).filter(
        lambda x: len(set(x)) > 2
    )
)
@settings(max_examples=10, deadline=None)
def test_every_user_has_one_of_at_most_five_bands_or_none_known(ages: list[int | None]) -> None:
    (found,) = columns(
        world(age=[float("nan") if age is None else float(age) for age in ages]),
        "users",
        ("number",),
    )
    assert (found.groups.member.sum(axis=1) == 1).all()
    assert found.groups.member.any(axis=0).all()
    assert len(found.groups.names) - (None in ages) <= BANDS


def test_a_column_with_one_value_makes_no_groups() -> None:
    assert list(columns(world(job=["cook", "cook", "cook"]), "users", ("category",))) == []


def test_of_a_wide_table_the_first_columns_are_looked_at() -> None:
    wide = world(
        **{f"job_{number}": ["cook", "nurse", "cook"] for number in range(MOST_COLUMNS + 3)}
    )
    assert [each.name for each in columns(wide, "users", ("category",))] == [
        f"job {i}" for i in range(MOST_COLUMNS)
    ]


def test_users_go_by_how_much_they_rated_and_by_their_columns(
    make: Callable[..., FittedModel],
) -> None:
    fitted = make()
    count, (activity, *others) = fitted.support.count["user"], columns_of_users(fitted)
    assert (activity.name, [each.name for each in others]) == (ACTIVITY, ["gender", "age"])
    assert len(activity.groups.names) == BANDS
    means = [count[who].mean() for who in activity.groups.member.T]
    assert means == sorted(means)
    assert activity.groups.sums(count).sum() == count.sum()


def test_users_with_equal_counts_are_not_distinguished_by_count(
    make: Callable[..., FittedModel],
) -> None:
    fitted = make(users=3, items=10, ratings=30, held_out=0, plain=True)
    assert list(columns_of_users(fitted)) == []
