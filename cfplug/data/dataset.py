"""The tables that travel between components: checked once, at construction, and trusted afterwards."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen

from cfplug.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ROLES = ("id", "target", "category", "number", "set", "time", "text", "label")
"""What a column may be: `set` is several categories at once, as a tuple of texts, `label` is for people to read."""

REQUIRED = {"ratings": ("user", "item", "rating"), "users": ("user",), "items": ("item",)}
"""The columns that each table must have, under these names."""

FIXED = {"user": "id", "item": "id", "rating": "target"}
"""The roles of those columns, which nobody can change."""

Repeats = Literal["error", "last", "mean"]
REPEATS: tuple[Repeats, ...] = ("error", "last", "mean")


@frozen
class Scale:
    """The range of the ratings and, where ratings come in steps, their levels in rising order."""

    low: float
    high: float
    levels: tuple[float, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise DataError(
                f"a rating scale goes from a low to a high number; is {self.low} to {self.high}"
            )


@frozen
class Column:
    """One column of a table and its role."""

    table: str
    name: str
    role: str


@frozen(eq=False)
class Split:
    """Positions of the rows of the ratings that train, validate and (optionally) test, each of shape (n,).

    `support`, if there is any, are ratings that newcomers may reveal, each newcomer's in the order
    in which they do. No model learns from them or is measured on them; a cold-start strategy gets
    to see the first ones."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray | None = None
    support: np.ndarray | None = None

    def parts(self) -> dict[str, np.ndarray]:
        """The parts that models learn from or are measured on, by name."""
        parts = {"train": self.train, "valid": self.valid}
        return parts if self.test is None else {**parts, "test": self.test}

    def _all(self) -> dict[str, np.ndarray]:
        return self.parts() if self.support is None else {**self.parts(), "support": self.support}

    def check(self, n_ratings: int) -> None:
        """DataError unless the parts share no row, lose none, and none is empty."""
        import numpy as np

        counts = np.zeros(n_ratings, dtype=np.int64)
        for name, rows in self._all().items():
            if np.ndim(rows) != 1 or np.asarray(rows).dtype.kind not in "iu":
                raise DataError(
                    f"the split's {name} part must be row numbers of shape (n,); is {_kind_of(rows)}"
                )
            if len(rows) == 0:
                raise DataError(f"the split leaves no ratings to {name}; it has {n_ratings} in all")
            if rows.min() < 0 or rows.max() >= n_ratings:
                raise DataError(f"the split's {name} part names a row outside 0 to {n_ratings - 1}")
            counts += np.bincount(rows, minlength=n_ratings)
        if (counts > 1).any():
            raise DataError(
                f"the split uses {int((counts > 1).sum())} rows twice", row=int(counts.argmax())
            )
        if (counts == 0).any():
            raise DataError(
                f"the split loses {int((counts == 0).sum())} rows", row=int(counts.argmin())
            )


def _kind_of(rows: Any) -> str:
    import numpy as np

    array = np.asarray(rows)
    return f"{array.dtype} of shape {array.shape}"


@frozen(eq=False, repr=False)
class Dataset:
    """Ratings, users and items: three tables, the role of every column, and the rating scale.

    `ratings` has the columns user, item and rating, and optionally time and other context; `users`
    and `items` have one row for every id, with any metadata. An id that only the ratings name gets
    a row of missing values. `roles` maps table and column to a role; `folds` are splits that come
    with the data, by name; `words` are things that a person should be told.

    Build one with `Dataset.build`, which checks everything; DataError names table, row and column.
    """

    name: str
    ratings: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame
    roles: Mapping[str, Mapping[str, str]]
    scale: Scale
    folds: Mapping[str, Split] = field(factory=dict)
    words: tuple[str, ...] = ()

    @classmethod
    def build(
        cls,
        name: str,
        ratings: pd.DataFrame,
        users: pd.DataFrame | None = None,
        items: pd.DataFrame | None = None,
        *,
        roles: Mapping[str, Mapping[str, str]] | None = None,
        scale: Scale | None = None,
        folds: Mapping[str, Split] | None = None,
        words: Sequence[str] = (),
    ) -> Dataset:
        """A checked dataset. Roles that are not given are inferred; a scale that is not given is the data's own."""
        ratings = ratings.reset_index(drop=True)
        _check_columns("ratings", ratings)
        for key in ("user", "item"):
            ratings = ratings.assign(**{key: _clean_ids("ratings", key, ratings[key])})
        ratings = ratings.assign(rating=_clean_ratings(ratings["rating"], scale))
        _check_pairs(ratings)
        told = list(words)
        catalogues = {}
        for table, key, given in (("users", "user", users), ("items", "item", items)):
            catalogues[table], added = _catalogue(table, key, given, ratings[key])
            if added and given is not None:
                told.append(
                    f"{added} ids in ratings are missing from {table}; they have no metadata"
                )
        tables = {"ratings": ratings, **catalogues}
        dataset = cls(
            name,
            ratings,
            catalogues["users"],
            catalogues["items"],
            _all_roles(tables, roles or {}),
            scale or _scale_of(ratings["rating"]),
            dict(folds or {}),
            tuple(told),
        )
        for fold in dataset.folds.values():
            fold.check(len(ratings))
        return dataset

    def tables(self) -> dict[str, pd.DataFrame]:
        """The three tables by name."""
        return {"ratings": self.ratings, "users": self.users, "items": self.items}

    def columns(self) -> Iterator[Column]:
        """Every column with its role, table by table."""
        for table, roles in self.roles.items():
            yield from (Column(table, name, role) for name, role in roles.items())

    def label(self, table: str) -> str | None:
        """The first column of `table` that is for people to read, such as a title."""
        return next((name for name, role in self.roles[table].items() if role == "label"), None)

    def hash(self) -> str:
        """SHA-256 over every value of the three tables, in their order: one changed rating changes it."""
        import pandas as pd

        digest = hashlib.sha256()
        for table, frame in self.tables().items():
            for name in frame.columns:
                digest.update(f"\x00{table}\x00{name}\x00{len(frame)}\x00".encode())
                digest.update(
                    pd.util.hash_pandas_object(_told_apart(frame[name]), index=False)
                    .to_numpy()
                    .tobytes()
                )
        return digest.hexdigest()

    def __repr__(self) -> str:
        return f"{self.name}: {len(self.ratings):,} ratings, {len(self.users):,} users, {len(self.items):,} items"


def merge_repeats(ratings: pd.DataFrame, policy: Repeats) -> tuple[pd.DataFrame, int]:
    """`ratings` with one row for every (user, item), and how many rows that took away.

    `last` keeps the last row in the table's order; `mean` keeps the last row with the mean of the
    ratings; `error` raises DataError that names the first repeated row.
    """
    repeated = ratings.duplicated(["user", "item"], keep="last")
    if not repeated.any():
        return ratings, 0
    if policy == "error":
        _check_pairs(ratings)
    if policy == "mean":
        mean = ratings.groupby(["user", "item"], sort=False)["rating"].transform("mean")
        ratings = ratings.assign(rating=mean)
    return ratings[~repeated].reset_index(drop=True), int(repeated.sum())


def _told_apart(column: pd.Series[Any]) -> pd.Series[Any]:
    """Objects as the text that Python shows for them: pandas hashes 1 and "1", () and ("",) alike."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(
        column.dtype
    ):
        return column
    return column.astype(object).map(repr, na_action="ignore")


def _shown(column: pd.Series[Any], row: int) -> str:
    """One value as a message shows it: 1, not np.int64(1)."""
    return repr(column.iloc[[row]].tolist()[0])


def _check_columns(table: str, frame: pd.DataFrame) -> None:
    for name in REQUIRED[table]:
        if name not in frame.columns:
            guess = did_you_mean(name, map(str, frame.columns))
            raise DataError(f"no column called {name}{guess}", table=table)
    doubled = frame.columns[frame.columns.duplicated()]
    if len(doubled):
        raise DataError("there are two columns of this name", table=table, column=str(doubled[0]))
    for name in frame.columns:
        if not isinstance(name, str):
            raise DataError(f"the name of a column is text; is {name!r}", table=table)


def _check_pairs(ratings: pd.DataFrame) -> None:
    repeated = ratings.duplicated(["user", "item"]).to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        user, item = ratings["user"].iloc[row], ratings["item"].iloc[row]
        same = (ratings["user"] == user) & (ratings["item"] == item)
        first = int(same.to_numpy().argmax())
        raise DataError(
            f"user {_shown(ratings['user'], row)} rated item {_shown(ratings['item'], row)} before, in row {first}; "
            "say what to do with repeats (repeats: last or mean)",
            table="ratings",
            row=row,
        )


def _clean_ids(table: str, key: str, ids: pd.Series[Any]) -> pd.Series[Any]:
    """Ids as 64-bit integers where all are whole numbers, else as text and whole numbers in an object column."""
    import numpy as np
    import pandas as pd

    missing = ids.isna().to_numpy()
    if missing.any():
        raise DataError("an id is empty", table=table, row=int(missing.argmax()), column=key)
    if pd.api.types.is_integer_dtype(ids.dtype) and len(ids) and ids.max() < 2**63:
        return ids.astype("int64")
    plain = [value.item() if isinstance(value, np.generic) else value for value in ids.tolist()]
    values = [_clean_id(table, key, row, value) for row, value in enumerate(plain)]
    whole = all(isinstance(value, int) for value in values)
    return pd.Series(
        values, index=ids.index, dtype="int64" if whole and values else object, name=ids.name
    )


def _clean_id(table: str, key: str, row: int, value: object) -> int | str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise DataError(
            f"an id is a whole number or text; is {value!r}", table=table, row=row, column=key
        )
    if isinstance(value, str) and not value.strip():
        raise DataError("an id is empty", table=table, row=row, column=key)
    if isinstance(value, str) and value.encode(errors="ignore").decode() != value:
        raise DataError(
            f"an id is text that UTF-8 can hold; is {value!r}", table=table, row=row, column=key
        )
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise DataError(
            f"an id does not fit into 64 bits: {value}", table=table, row=row, column=key
        )
    return value


def _clean_ratings(ratings: pd.Series[Any], scale: Scale | None) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    if len(ratings) == 0:
        raise DataError("there is no rating", table="ratings")
    numbers = _numbers(ratings)
    bad = ~np.isfinite(numbers)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"a rating is a number; is {_shown(ratings, row)}",
            table="ratings",
            row=row,
            column="rating",
        )
    if scale is not None:
        off = (numbers < scale.low) | (numbers > scale.high)
        if off.any():
            row = int(off.argmax())
            raise DataError(
                f"the rating {numbers[row]:g} is off the scale, {scale.low:g} to {scale.high:g}",
                table="ratings",
                row=row,
                column="rating",
            )
    return pd.Series(numbers, index=ratings.index, name="rating")


def _numbers(column: pd.Series[Any]) -> np.ndarray:
    """The numbers in `column`, float64 of shape (n,); NaN for all that is none, as text, a truth value or a time."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_any_real_numeric_dtype(column.dtype):
        return column.to_numpy(dtype="float64", na_value=np.nan)
    return np.array([float(value) if _is_number(value) else math.nan for value in column.tolist()])


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _scale_of(ratings: pd.Series[Any], most_levels: int = 50) -> Scale:
    """The scale that the data shows: its ends, and its values as levels where they are few."""
    values = sorted(ratings.unique().tolist())
    return Scale(values[0], values[-1], tuple(values) if len(values) <= most_levels else ())


def _catalogue(
    table: str, key: str, given: pd.DataFrame | None, rated: pd.Series[Any]
) -> tuple[pd.DataFrame, int]:
    """One row for every id: those of the table first, then those that only the ratings name, and how many these are."""
    import pandas as pd

    seen = pd.Series(rated.unique(), name=key, dtype=rated.dtype)
    if given is None:
        return seen.to_frame(), len(seen)
    _check_columns(table, given)
    frame = given.reset_index(drop=True)
    frame = frame.assign(**{key: _clean_ids(table, key, frame[key])})
    repeated = frame[key].duplicated().to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        raise DataError(
            f"the id {_shown(frame[key], row)} has two rows", table=table, row=row, column=key
        )
    extra = seen[~seen.isin(frame[key])]
    if len(extra) == 0:
        return frame, 0
    if len(extra) == len(seen):
        raise DataError(
            f"no id of the ratings is among the ids of {table}; ratings have {_shown(seen, 0)}, "
            f"{table} has {_shown(frame[key], 0) if len(frame) else 'none'}",
            table=table,
            column=key,
        )
    merged = pd.concat([frame, extra.to_frame()], ignore_index=True)
    merged[key] = _clean_ids(table, key, merged[key])
    for name in frame.columns:
        if name != key and _all_tuples(frame[name]):  # a set that is missing is empty, not NaN
            merged[name] = [value if isinstance(value, tuple) else () for value in merged[name]]
    return merged, len(extra)


def _all_roles(
    tables: Mapping[str, pd.DataFrame], given: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    for table in given:
        if table not in tables:
            raise DataError(
                f"roles name a table {table!r} that is not there{did_you_mean(table, tables)}"
            )
    return {table: _roles(table, frame, given.get(table, {})) for table, frame in tables.items()}


def _roles(table: str, frame: pd.DataFrame, given: Mapping[str, str]) -> dict[str, str]:
    for name, role in given.items():
        if name not in frame.columns:
            raise DataError(
                f"roles name a column {name!r} that is not there{did_you_mean(name, frame.columns)}",
                table=table,
            )
        if role not in ROLES:
            raise DataError(
                f"no role called {role!r}{did_you_mean(role, ROLES)}", table=table, column=name
            )
        if name in REQUIRED[table] and role != FIXED[name]:
            raise DataError(
                f"the role of this column is {FIXED[name]}; is {role}", table=table, column=name
            )
    roles = {}
    for name in frame.columns:
        _check_cells(table, name, frame[name])
        roles[name] = given.get(name) or infer_role(table, name, frame[name])
        _check_role(table, name, roles[name], frame[name])
    return roles


def _check_cells(table: str, name: str, column: pd.Series[Any]) -> None:
    for row, value in enumerate(column if column.dtype == object else ()):
        if not isinstance(value, Hashable):
            raise DataError(
                f"a cell with several values is a tuple of texts; is {value!r}",
                table=table,
                row=row,
                column=name,
            )


def infer_role(table: str, name: str, column: pd.Series[Any], most_categories: int = 100) -> str:
    """The role that a column looks to have, by its name and values."""
    import pandas as pd

    if name in ("user", "item"):
        return "id"
    if table == "ratings" and name == "rating":
        return "target"
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return "time"
    if pd.api.types.is_bool_dtype(column.dtype):
        return "category"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "number"
    if len(column) and _all_tuples(column):
        return "set"
    if name.casefold() in ("title", "name", "label"):
        return "label"
    return (
        "category" if column.nunique() <= max(2, min(most_categories, len(column) // 2)) else "text"
    )


def _all_tuples(column: pd.Series[Any]) -> bool:
    return all(isinstance(value, tuple) for value in column)


def _check_role(table: str, name: str, role: str, column: pd.Series[Any]) -> None:
    import pandas as pd

    typed = {"number": pd.api.types.is_numeric_dtype, "time": pd.api.types.is_datetime64_any_dtype}
    if role in typed and not typed[role](column.dtype):
        raise DataError(
            f"the role {role} does not fit a column of type {column.dtype}, with values such as {_shown(column, 0)}",
            table=table,
            column=name,
        )
    for row, value in enumerate(column if role == "set" else ()):
        if not (isinstance(value, tuple) and all(isinstance(member, str) for member in value)):
            raise DataError(
                f"a set is a tuple of texts; is {value!r}", table=table, row=row, column=name
            )
