"""The tables that components share: checked once, at construction, and trusted afterwards."""

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
"""What a column may be: a `set` is a tuple of categories, a `label` is for people to read."""

REQUIRED = {"ratings": ("user", "item", "rating"), "users": ("user",), "items": ("item",)}
"""The columns that each table must have, under these names."""

FIXED = {"user": "id", "item": "id", "rating": "target"}
"""The roles of those columns, which cannot be changed."""

Repeats = Literal["error", "last", "mean"]
REPEATS: tuple[Repeats, ...] = ("error", "last", "mean")


@frozen
class Scale:
    """The range of the ratings and, if ratings come in steps, their levels in rising order."""

    low: float
    high: float
    levels: tuple[float, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not -math.inf < self.low <= self.high < math.inf:
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
    """Row numbers of the ratings that train, validate and (optionally) test, each of shape (n,).

    `support`, if there is any, are ratings that new users and items may reveal, in the order in
    which each of them does. No model learns from them or is measured on them; a cold-start strategy
    gets the first ones.
    """

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray | None = None
    support: np.ndarray | None = None

    def parts(self) -> dict[str, np.ndarray]:
        """Return the parts that models learn from or are measured on, by name."""
        parts = {"train": self.train, "valid": self.valid}
        if self.test is not None:
            parts["test"] = self.test
        return parts

    def check(self, n_ratings: int) -> None:
        """Check that the parts share no row, lose none, and that none is empty.

        Args:
            n_ratings: the number of ratings that are split.

        Raises:
            DataError: a part breaks this; the message names it.
        """
        import numpy as np

        parts = self.parts()
        if self.support is not None:
            parts["support"] = self.support
        counts = np.zeros(n_ratings, dtype=np.int64)
        for name, rows in parts.items():
            _check_rows(name, rows, n_ratings)
            counts += np.bincount(rows, minlength=n_ratings)
        n_repeated = int((counts > 1).sum())
        if n_repeated:
            raise DataError(f"the split uses {n_repeated} rows twice", row=int(counts.argmax()))
        n_lost = int((counts == 0).sum())
        if n_lost:
            raise DataError(f"the split loses {n_lost} rows", row=int(counts.argmin()))


def _check_rows(name: str, rows: Any, n_ratings: int) -> None:
    import numpy as np

    array = np.asarray(rows)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(
            f"the split's {name} part must be row numbers of shape (n,); "
            f"is {array.dtype} of shape {array.shape}"
        )
    if len(array) == 0:
        raise DataError(f"the split leaves no ratings to {name}; it has {n_ratings} in all")
    if array.min() < 0 or array.max() >= n_ratings:
        raise DataError(f"the split's {name} part names a row outside 0 to {n_ratings - 1}")


@frozen(eq=False, repr=False)
class Dataset:
    """Ratings, users and items: three tables, the role of every column, and the rating scale.

    `ratings` has the columns user, item and rating, and optionally time and other context; `users`
    and `items` have one row for every id, with any metadata. An id that only the ratings name gets
    a row of missing values. `roles` maps table and column to a role; `folds` are splits that come
    with the data, by name; `notes` are messages about the data for people.

    Build one with `Dataset.build`, which checks everything.
    """

    name: str
    ratings: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame
    roles: Mapping[str, Mapping[str, str]]
    scale: Scale
    folds: Mapping[str, Split] = field(factory=dict)
    notes: tuple[str, ...] = ()

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
        notes: Sequence[str] = (),
    ) -> Dataset:
        """Return a checked dataset.

        Args:
            name: what the data is called.
            ratings: columns user, item and rating, and optionally time and other context.
            users: a column user, unique, and any metadata; without it, the users of `ratings`.
            items: a column item, unique, and any metadata; without it, the items of `ratings`.
            roles: of columns, by table and column; what is not given is inferred.
            scale: of the ratings; without it, the range and the values of `ratings`.
            folds: splits of `ratings` that come with the data, by name.
            notes: messages about the data for people.

        Raises:
            DataError: a table, role or fold is wrong; it names table, row and column.
        """
        ratings = ratings.reset_index(drop=True)
        _check_columns("ratings", ratings)
        ratings = ratings.assign(
            user=_clean_ids("ratings", "user", ratings["user"]),
            item=_clean_ids("ratings", "item", ratings["item"]),
            rating=_clean_ratings(ratings["rating"], scale),
        )
        _check_pairs(ratings)
        tables = {"ratings": ratings}
        all_notes = list(notes)
        for table, key, given in (("users", "user", users), ("items", "item", items)):
            tables[table], n_new = _with_all_ids(table, key, given, ratings[key])
            if n_new:
                all_notes.append(
                    f"{n_new} ids in ratings are missing from {table}; they have no metadata"
                )
        dataset = cls(
            name,
            **tables,
            roles=_all_roles(tables, roles or {}),
            scale=scale or _scale_of(ratings["rating"]),
            folds=dict(folds or {}),
            notes=tuple(all_notes),
        )
        for fold in dataset.folds.values():
            fold.check(len(ratings))
        return dataset

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the three tables by name."""
        return {"ratings": self.ratings, "users": self.users, "items": self.items}

    def columns(self) -> Iterator[Column]:
        """Yield every column with its role, table by table."""
        for table, roles in self.roles.items():
            for name, role in roles.items():
                yield Column(table, name, role)

    def label(self, table: str) -> str | None:
        """Return the first column of `table` that is for people to read, such as a title."""
        labels = (name for name, role in self.roles[table].items() if role == "label")
        return next(labels, None)

    def hash(self) -> str:
        """Return the SHA-256 of all values of the three tables, in their order."""
        import pandas as pd

        digest = hashlib.sha256()
        for table, frame in self.tables().items():
            for name, column in frame.items():
                digest.update(f"\x00{table}\x00{name}\x00{len(frame)}\x00".encode())
                hashes = pd.util.hash_pandas_object(_hashable(column), index=False)
                digest.update(hashes.to_numpy().tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        n_ratings, n_users, n_items = len(self.ratings), len(self.users), len(self.items)
        return f"{self.name}: {n_ratings:,} ratings, {n_users:,} users, {n_items:,} items"


def merge_repeats(ratings: pd.DataFrame, policy: Repeats) -> tuple[pd.DataFrame, int]:
    """Return `ratings` with one row for every (user, item), and how many rows were removed.

    Args:
        ratings: a table with the columns user, item and rating.
        policy: `last` keeps the last row in the table's order; `mean` keeps it with the mean of
            the ratings; `error` accepts no repeats.

    Raises:
        DataError: a pair is repeated and the policy is `error`; it names the first repeated row.
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


def _hashable(column: pd.Series[Any]) -> pd.Series[Any]:
    """Replace objects by their repr: pandas gives 1 and "1", () and ("",) the same hash."""
    import pandas as pd

    types = pd.api.types
    if types.is_numeric_dtype(column.dtype) or types.is_datetime64_any_dtype(column.dtype):
        return column
    return column.astype(object).map(repr, na_action="ignore")


def _shown(column: pd.Series[Any], row: int) -> str:
    """Return one value as messages show it: 1, not np.int64(1)."""
    return repr(column.iloc[[row]].tolist()[0])


def _first(is_bad: Any) -> int | None:
    """Return the first row where `is_bad`, bool of shape (n,), is True; None if there is none."""
    import numpy as np

    rows = np.flatnonzero(is_bad)
    return int(rows[0]) if len(rows) else None


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
    row = _first(ratings.duplicated(["user", "item"]))
    if row is None:
        return
    pairs = ratings[["user", "item"]]
    first = _first((pairs == pairs.iloc[row]).all(axis=1))
    user, item = _shown(ratings["user"], row), _shown(ratings["item"], row)
    advice = "say what to do with repeats (repeats: last or mean)"
    message = f"user {user} rated item {item} before, in row {first}; {advice}"
    raise DataError(message, table="ratings", row=row)


def _clean_ids(table: str, key: str, ids: pd.Series[Any]) -> pd.Series[Any]:
    """Return ids as int64 if all are whole numbers, else as text and integers in objects."""
    import numpy as np
    import pandas as pd

    row = _first(ids.isna())
    if row is not None:
        raise DataError("an id is empty", table=table, row=row, column=key)
    if pd.api.types.is_integer_dtype(ids.dtype) and len(ids) and ids.max() < 2**63:
        return ids.astype("int64")
    values = []
    for row, value in enumerate(ids.tolist()):
        plain = value.item() if isinstance(value, np.generic) else value
        if isinstance(plain, float) and plain.is_integer():
            plain = int(plain)
        fault = _fault_of_id(plain)
        if fault:
            raise DataError(fault, table=table, row=row, column=key)
        values.append(plain)
    is_whole = bool(values) and all(isinstance(value, int) for value in values)
    dtype = "int64" if is_whole else object
    return pd.Series(values, index=ids.index, dtype=dtype, name=ids.name)


def _fault_of_id(value: object) -> str:
    """Return what is wrong with an id; empty if nothing is."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return f"an id is a whole number or text; is {value!r}"
    if isinstance(value, int):
        fits = -(2**63) <= value < 2**63
        return "" if fits else f"an id does not fit into 64 bits: {value}"
    if not value.strip():
        return "an id is empty"
    if value.encode(errors="ignore").decode() != value:
        return f"an id is text that UTF-8 can hold; is {value!r}"
    return ""


def _clean_ratings(ratings: pd.Series[Any], scale: Scale | None) -> pd.Series[Any]:
    """Return finite ratings on the scale, as float64."""
    import numpy as np
    import pandas as pd

    if len(ratings) == 0:
        raise DataError("there is no rating", table="ratings")
    numbers = _numbers(ratings)
    row = _first(~np.isfinite(numbers))
    if row is not None:
        message = f"a rating is a number; is {_shown(ratings, row)}"
        raise DataError(message, table="ratings", row=row, column="rating")
    if scale is not None:
        row = _first((numbers < scale.low) | (numbers > scale.high))
        if row is not None:
            there = f"{scale.low:g} to {scale.high:g}"
            message = f"the rating {numbers[row]:g} is off the scale, {there}"
            raise DataError(message, table="ratings", row=row, column="rating")
    return pd.Series(numbers, index=ratings.index, name="rating")


def _numbers(column: pd.Series[Any]) -> np.ndarray:
    """Return `column` as float64 of shape (n,), with NaN for text, truth values and times."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_any_real_numeric_dtype(column.dtype):
        return column.to_numpy(dtype="float64", na_value=np.nan)
    numbers = np.full(len(column), np.nan)
    for row, value in enumerate(column.tolist()):
        if isinstance(value, Real) and not isinstance(value, bool):
            numbers[row] = float(value)
    return numbers


def _scale_of(ratings: pd.Series[Any], most_levels: int = 50) -> Scale:
    """Return the range of the ratings, and their values as levels if they are few."""
    values = sorted(ratings.unique().tolist())
    levels = tuple(values) if len(values) <= most_levels else ()
    return Scale(values[0], values[-1], levels)


def _with_all_ids(
    table: str, key: str, given: pd.DataFrame | None, rated: pd.Series[Any]
) -> tuple[pd.DataFrame, int]:
    """Return the given table with rows for ids that only the ratings name, and their number.

    The number is 0 where no table is given, as then nothing is missing from it.
    """
    import pandas as pd

    seen = pd.Series(rated.unique(), name=key, dtype=rated.dtype)
    if given is None:
        return seen.to_frame(), 0
    _check_columns(table, given)
    frame = given.reset_index(drop=True)
    frame = frame.assign(**{key: _clean_ids(table, key, frame[key])})
    row = _first(frame[key].duplicated())
    if row is not None:
        message = f"the id {_shown(frame[key], row)} has two rows"
        raise DataError(message, table=table, row=row, column=key)
    extra = seen[~seen.isin(frame[key])]
    if len(extra) == 0:
        return frame, 0
    if len(extra) == len(seen):
        example = _shown(frame[key], 0) if len(frame) else "none"
        fault = f"no id of the ratings is among the ids of {table}"
        message = f"{fault}; ratings have {_shown(seen, 0)}, {table} has {example}"
        raise DataError(message, table=table, column=key)
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
            guess = did_you_mean(table, tables)
            raise DataError(f"roles name a table {table!r} that is not there{guess}")
    return {table: _roles(table, frame, given.get(table, {})) for table, frame in tables.items()}


def _roles(table: str, frame: pd.DataFrame, given: Mapping[str, str]) -> dict[str, str]:
    for name, role in given.items():
        if name not in frame.columns:
            guess = did_you_mean(name, frame.columns)
            raise DataError(f"roles name a column {name!r} that is not there{guess}", table=table)
        if role not in ROLES:
            guess = did_you_mean(role, ROLES)
            raise DataError(f"no role called {role!r}{guess}", table=table, column=name)
        if name in REQUIRED[table] and role != FIXED[name]:
            message = f"the role of this column is {FIXED[name]}; is {role}"
            raise DataError(message, table=table, column=name)
    roles = {}
    for name in frame.columns:
        _check_cells(table, name, frame[name])
        roles[name] = given.get(name) or infer_role(table, name, frame[name])
        _check_role(table, name, roles[name], frame[name])
    return roles


def _check_cells(table: str, name: str, column: pd.Series[Any]) -> None:
    if column.dtype != object:
        return
    for row, value in enumerate(column):
        if not isinstance(value, Hashable):
            message = f"a cell with several values is a tuple of texts; is {value!r}"
            raise DataError(message, table=table, row=row, column=name)


def infer_role(table: str, name: str, column: pd.Series[Any], most_categories: int = 100) -> str:
    """Return the role that the name and the values of a column suggest.

    Args:
        table: ratings, users or items.
        name: the column's name.
        column: its values, of shape (n,).
        most_categories: distinct values above which text is not a category.
    """
    import pandas as pd

    if name in ("user", "item"):
        return "id"
    if table == "ratings" and name == "rating":
        return "target"
    types = pd.api.types
    if types.is_datetime64_any_dtype(column.dtype):
        return "time"
    if types.is_bool_dtype(column.dtype):
        return "category"
    if types.is_numeric_dtype(column.dtype):
        return "number"
    if len(column) and _all_tuples(column):
        return "set"
    if name.casefold() in ("title", "name", "label"):
        return "label"
    most = max(2, min(most_categories, len(column) // 2))
    return "category" if column.nunique() <= most else "text"


def _all_tuples(column: pd.Series[Any]) -> bool:
    return all(isinstance(value, tuple) for value in column)


def _check_role(table: str, name: str, role: str, column: pd.Series[Any]) -> None:
    import pandas as pd

    typed = {"number": pd.api.types.is_numeric_dtype, "time": pd.api.types.is_datetime64_any_dtype}
    if role in typed and not typed[role](column.dtype):
        fault = f"the role {role} does not fit a column of type {column.dtype}"
        message = f"{fault}, with values such as {_shown(column, 0)}"
        raise DataError(message, table=table, column=name)
    if role != "set":
        return
    for row, value in enumerate(column):
        if not isinstance(value, tuple) or not all(isinstance(member, str) for member in value):
            message = f"a set is a tuple of texts; is {value!r}"
            raise DataError(message, table=table, row=row, column=name)
