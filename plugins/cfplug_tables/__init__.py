"""Declare the sources that read CSV and Parquet files or draw synthetic ratings."""

from __future__ import annotations

import codecs
from pathlib import Path

from attrs import frozen

import cfplug
from cfplug.data.dataset import REPEATS, ROLES
from cfplug.errors import ParameterError, did_you_mean

TABLES = ("ratings", "users", "items")


@frozen
class TableParams:
    """The files, the names of their columns, and how to read them.

    In the dataset the columns are called user, item, rating and time; any other keeps its name.
    """

    ratings: Path = cfplug.param(help="the file of ratings, one for each row")
    users: Path | None = cfplug.param(None, help="the file about users, one row each")
    items: Path | None = cfplug.param(None, help="the file about items, one row each")
    user: str = cfplug.param("user", help="the name of the column of user ids")
    item: str = cfplug.param("item", help="the name of the column of item ids")
    rating: str = cfplug.param("rating", help="the name of the column of ratings")
    time: str | None = cfplug.param(
        None,
        help="the name of the column of times; null uses `time` if it exists",
    )
    users_id: str | None = cfplug.param(
        None, help="the id column of the users file, if it is not `user`"
    )
    items_id: str | None = cfplug.param(
        None, help="the id column of the items file, if it is not `item`"
    )
    time_unit: str = cfplug.param(
        "s",
        choices=("s", "ms", "iso"),
        help="the unit of times: s or ms since 1970, or ISO 8601 text",
    )
    roles: dict[str, str] = cfplug.param(
        {}, help="roles by table and column, such as {users.age: category}; the others are inferred"
    )
    set_separator: str = cfplug.param(
        "|", help="the separator between the members of a set, such as genres"
    )
    scale: tuple[float, float] | None = cfplug.param(
        None, help="the lowest and the highest possible rating; null infers them"
    )
    repeats: str = cfplug.param(
        "error",
        choices=REPEATS,
        help="what to do with repeated pairs; mean keeps the last row with the mean rating",
    )

    def __attrs_post_init__(self) -> None:
        for key, role in self.roles.items():
            _check_role(key, role)
        if self.scale is not None and self.scale[0] >= self.scale[1]:
            raise ParameterError(
                "scale", f"expected the lowest and the highest rating, got {list(self.scale)}"
            )
        if not self.set_separator:
            raise ParameterError("set_separator", "must not be empty")

    def files(self) -> dict[str, Path]:
        """The files that are given, by table."""
        given = {"ratings": self.ratings, "users": self.users, "items": self.items}
        return {table: path for table, path in given.items() if path is not None}


def _check_role(key: str, role: str) -> None:
    table, _, column = key.partition(".")
    if table not in TABLES or not column:
        raise ParameterError(
            "roles", f"expected a table and a column such as users.age, got {key!r}"
        )
    if role not in ROLES:
        raise ParameterError(("roles", key), f"no role called {role!r}{did_you_mean(role, ROLES)}")


@frozen
class CsvParams(TableParams):
    """Ratings, users and items from CSV files, or any text with one row a line.

    A file without a header is read by giving the names of its columns, in their order.
    """

    separator: str = cfplug.param(",", help="the separator between two cells; `tab` is a tab")
    users_separator: str | None = cfplug.param(
        None, help="the same for the users file, if it differs"
    )
    items_separator: str | None = cfplug.param(
        None, help="the same for the items file, if it differs"
    )
    columns: tuple[str, ...] | None = cfplug.param(
        None, help="the columns of a ratings file that has no header"
    )
    users_columns: tuple[str, ...] | None = cfplug.param(
        None, help="the columns of a users file that has no header"
    )
    items_columns: tuple[str, ...] | None = cfplug.param(
        None, help="the columns of an items file that has no header"
    )
    encoding: str = cfplug.param("utf-8", help="the encoding of the files, such as latin-1")
    quote: str | None = cfplug.param(
        '"',
        help="the quote around a cell with the separator; null for none",
    )
    missing: tuple[str, ...] = cfplug.param(
        (), help="texts that, like an empty cell, mean unknown metadata, such as NA"
    )

    def __attrs_post_init__(self) -> None:
        TableParams.__attrs_post_init__(self)
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ParameterError(
                "encoding", f"Python knows no encoding called {self.encoding!r}"
            ) from None
        for name in ("separator", "users_separator", "items_separator"):
            if getattr(self, name) in ("", "\n", "\r"):
                raise ParameterError(
                    name, f"expected text within a line, got {getattr(self, name)!r}"
                )
        if self.quote is not None and len(self.quote) != 1:
            raise ParameterError("quote", f"expected one character or null, got {self.quote!r}")


@frozen
class ParquetParams(TableParams):
    """Ratings, users and items from Parquet files; lists become sets."""


@frozen
class SyntheticParams:
    """Ratings drawn from a known low-rank model in which metadata matters.

    With z standard normal, m = `metadata`, k = `factors`, low and high the ends of `scale` and
    unit = (high - low) / 4:

        p_u = sqrt(m) group_vector[group of u]                 + sqrt(1 - m) z    (k,)
        q_i = sqrt(m) sum of genre_vector[genres of i] / sqrt(n_genres) + sqrt(1 - m) z    (k,)
        b_u = sqrt(m) standardized age of u                    + sqrt(1 - m) z
        c_i = sqrt(m) standardized year of i                   + sqrt(1 - m) z
        signal_ui = (low + high) / 2 + unit (0.4 + 0.35 b_u + 0.45 c_i + 0.6 p_u . q_i / sqrt(k))
        rating_ui = signal_ui + noise z, rounded to a multiple of `step` above low, cut to the scale

    The pairs are distinct; one is the likelier the more popular its item, in proportion to
    rank^-skew, and the more active its user, rank^(-skew / 2). A user joins at a moment whose
    density grows like (days since the start)^drift and rates less and less often from then on. Rows
    are in order of time.
    """

    users: int = cfplug.param(300, at_least=1, help="how many users")
    items: int = cfplug.param(200, at_least=1, help="how many items")
    ratings: int = cfplug.param(10_000, at_least=1, help="how many ratings, each of another pair")
    factors: int = cfplug.param(4, at_least=1, help="the rank of the taste part of the signal")
    noise: float = cfplug.param(
        0.5, at_least=0, unit="rating points", help="the deviation of a rating from the signal"
    )
    metadata: float = cfplug.param(
        0.5,
        at_least=0,
        at_most=1,
        help="the part of the variance of factors and biases that metadata explains",
    )
    skew: float = cfplug.param(
        0.8, at_least=0, help="the exponent of popularity; 0 makes all items alike"
    )
    scale: tuple[float, float] = cfplug.param((1.0, 5.0), help="the lowest and the highest rating")
    step: float | None = cfplug.param(
        0.5,
        above=0,
        unit="rating points",
        help="the distance of two levels; null leaves ratings continuous",
    )
    days: int = cfplug.param(
        730, at_least=1, at_most=100_000, unit="days", help="the time that ratings span"
    )
    drift: float = cfplug.param(1.0, at_least=0, help="growth of new users with time; 0 is uniform")

    def __attrs_post_init__(self) -> None:
        pairs = self.users * self.items
        if self.ratings > pairs:
            raise ParameterError(
                "ratings",
                f"{self.ratings:,} are more than the {pairs:,} pairs "
                f"of {self.users:,} users and {self.items:,} items",
            )
        low, high = self.scale
        if low >= high:
            raise ParameterError(
                "scale", f"expected the lowest and the highest rating, got {[low, high]}"
            )
        if (
            self.step is not None
            and abs((high - low) / self.step - round((high - low) / self.step)) > 1e-9
        ):
            raise ParameterError(
                "step",
                f"expected a step that divides the scale from {low:g} to {high:g} evenly, "
                f"got {self.step:g}",
            )


@cfplug.hookimpl
def cfplug_sources() -> list[cfplug.Source]:
    return [
        cfplug.Source("csv", CsvParams, read="cfplug_tables.delimited:read"),
        cfplug.Source("parquet", ParquetParams, read="cfplug_tables.parquet:read"),
        cfplug.Source("synthetic", SyntheticParams, read="cfplug_tables.synthetic:read"),
    ]
