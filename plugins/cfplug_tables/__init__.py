"""Ratings, users and items from anyone's CSV and Parquet files, or from a seeded generator."""

from __future__ import annotations

import codecs
from pathlib import Path

from attrs import frozen

import cfplug
from cfplug.data.dataset import REPEATS, ROLES
from cfplug.errors import did_you_mean

TABLES = ("ratings", "users", "items")


@frozen
class TableParams:
    """The files, what they call their columns, and what to do with what they hold.

    In the dataset the columns are called user, item, rating and time; any other keeps its name.
    """

    ratings: Path = cfplug.param(help="the file of ratings, one a row")
    users: Path | None = cfplug.param(None, help="the file about users, one row each")
    items: Path | None = cfplug.param(None, help="the file about items, one row each")
    user: str = cfplug.param("user", help="what the files call the column of user ids")
    item: str = cfplug.param("item", help="what the files call the column of item ids")
    rating: str = cfplug.param("rating", help="what the file calls the column of ratings")
    time: str | None = cfplug.param(
        None,
        help="what the file calls the column of times; null takes the column `time` if there is one",
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
        help="how ratings tell the time: seconds or milliseconds since 1970, or ISO 8601 text",
    )
    roles: dict[str, str] = cfplug.param(
        {}, help="roles by table and column, such as {users.age: category}; the others are inferred"
    )
    set_separator: str = cfplug.param(
        "|", help="what stands between the members of a set, such as genres"
    )
    scale: tuple[float, float] | None = cfplug.param(
        None, help="the least and the greatest rating there may be; null takes what the data shows"
    )
    repeats: str = cfplug.param(
        "error",
        choices=REPEATS,
        help="a pair with several rows: an error, the last row, or the last row with the mean rating",
    )

    def __attrs_post_init__(self) -> None:
        for key, role in self.roles.items():
            _check_role(key, role)
        if self.scale is not None and self.scale[0] >= self.scale[1]:
            raise ValueError(
                f"scale: goes from the least to the greatest rating; is {list(self.scale)}"
            )
        if not self.set_separator:
            raise ValueError("set_separator: must not be empty")

    def files(self) -> dict[str, Path]:
        """The files that are given, by table."""
        given = {"ratings": self.ratings, "users": self.users, "items": self.items}
        return {table: path for table, path in given.items() if path is not None}


def _check_role(key: str, role: str) -> None:
    table, _, column = key.partition(".")
    if table not in TABLES or not column:
        raise ValueError(f"roles: a key is a table and a column, such as users.age; is {key!r}")
    if role not in ROLES:
        raise ValueError(f"roles: {key}: no role called {role!r}{did_you_mean(role, ROLES)}")


@frozen
class CsvParams(TableParams):
    """Ratings, users and items from CSV files, or any text with one row a line.

    A file without a header is read by giving the names of its columns, in their order.
    """

    separator: str = cfplug.param(",", help="what stands between two cells; `tab` is a tab")
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
        help="what encloses a cell that holds the separator; null, and several-letter separators: nothing",
    )
    missing: tuple[str, ...] = cfplug.param(
        (), help="texts that, like an empty cell, stand for unknown metadata, such as NA"
    )

    def __attrs_post_init__(self) -> None:
        TableParams.__attrs_post_init__(self)
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(
                f"encoding: Python knows no encoding called {self.encoding!r}"
            ) from None
        for name in ("separator", "users_separator", "items_separator"):
            if getattr(self, name) in ("", "\n", "\r"):
                raise ValueError(f"{name}: must be text within a line; is {getattr(self, name)!r}")
        if self.quote is not None and len(self.quote) != 1:
            raise ValueError(f"quote: must be one letter or null; is {self.quote!r}")


@frozen
class ParquetParams(TableParams):
    """Ratings, users and items from Parquet files; lists become sets, other nested columns are left out."""


@frozen
class SyntheticParams:
    """Ratings drawn from a known low-rank model in which metadata matters; the same for the same seed.

    With z standard normal, m = `metadata`, k = `factors`, low and high the ends of `scale` and
    unit = (high - low) / 4:

        p_u = sqrt(m) group_vector[group of u]                 + sqrt(1 - m) z    (k,)
        q_i = sqrt(m) sum of genre_vector[genres of i] / sqrt(number of them) + sqrt(1 - m) z    (k,)
        b_u = sqrt(m) standardized age of u                    + sqrt(1 - m) z
        c_i = sqrt(m) standardized year of i                   + sqrt(1 - m) z
        signal_ui = (low + high) / 2 + unit (0.4 + 0.35 b_u + 0.45 c_i + 0.6 p_u . q_i / sqrt(k))
        rating_ui = signal_ui + noise z, rounded to a multiple of `step` above low, cut to the scale

    The pairs are distinct; one is the likelier the more popular its item, in proportion to
    rank^-skew, and the more active its user, rank^(-skew / 2). A user joins at a moment whose
    density grows like (days since the start)^drift and rates less and less often from then on. Rows
    are in order of time."""

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
    scale: tuple[float, float] = cfplug.param((1.0, 5.0), help="the least and the greatest rating")
    step: float | None = cfplug.param(
        0.5,
        above=0,
        unit="rating points",
        help="the distance of two levels; null leaves ratings continuous",
    )
    days: int = cfplug.param(
        730, at_least=1, at_most=100_000, unit="days", help="the time that ratings span"
    )
    drift: float = cfplug.param(1.0, at_least=0, help="how newcomers grow with time; 0 is evenly")

    def __attrs_post_init__(self) -> None:
        pairs = self.users * self.items
        if self.ratings > pairs:
            raise ValueError(
                f"ratings: {self.ratings:,} are more than the {pairs:,} pairs "
                f"of {self.users:,} users and {self.items:,} items"
            )
        low, high = self.scale
        if low >= high:
            raise ValueError(f"scale: goes from the least to the greatest rating; is {[low, high]}")
        if (
            self.step is not None
            and abs((high - low) / self.step - round((high - low) / self.step)) > 1e-9
        ):
            raise ValueError(
                f"step: must divide the scale from {low:g} to {high:g} into equal steps; is {self.step:g}"
            )


@cfplug.hookimpl
def cfplug_sources() -> list[cfplug.Source]:
    return [
        cfplug.Source("csv", CsvParams, read="cfplug_tables.delimited:read"),
        cfplug.Source("parquet", ParquetParams, read="cfplug_tables.parquet:read"),
        cfplug.Source("synthetic", SyntheticParams, read="cfplug_tables.synthetic:read"),
    ]
