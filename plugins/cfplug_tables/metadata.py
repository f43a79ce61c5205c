"""Convert a column of metadata to its declared role, or to one inferred from its values.

Each function takes a column of n values and `missing` of shape (n,), which is true where a value is
unknown, and returns a column of the same length; DataError names an invalid row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfplug_tables.cells import is_text, naive, numbers, refuse

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Column = pd.Series[Any]

_LEADING_ZERO = r"^\s*-?0[0-9]"


def declared(column: Column, role: str, separator: str, missing: np.ndarray) -> Column:
    """Return the column converted to `role`."""
    import numpy as np
    import pandas as pd

    if role == "number":
        values = numbers(column)
        refuse(column, ~np.isfinite(values) & ~missing, "expected a number")
        return _shortest(pd.Series(np.where(missing, np.nan, values)))
    if role == "set":
        return sets(column, separator, missing)
    return dates(column, missing) if role == "time" else column.where(~missing)


def inferred(column: Column, separator: str, missing: np.ndarray) -> Column:
    """Return a column of texts as numbers if all are, as sets if they look so, else as text.

    Texts with leading zeros, such as zip codes, are not numbers.
    """
    import numpy as np
    import pandas as pd

    known = column[~missing]
    coded = known.str.contains(_LEADING_ZERO, regex=True).any()
    if len(known) and not coded and np.isfinite(numbers(known)).all():
        return declared(column, "number", separator, missing)
    if looks_like_sets(known, separator):
        return sets(column, separator, missing)
    return pd.Series(column.where(~missing))


def inferred_typed(column: Column, separator: str, missing: np.ndarray) -> Column:
    """Return the column of a typed file, with texts that look like sets converted."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return naive(column)
    known = column[~missing]
    if is_text(known) and looks_like_sets(known, separator):
        return sets(column, separator, missing)
    return column


def looks_like_sets(texts: Column, separator: str, most_members: int = 100) -> bool:
    """Return whether texts contain the separator, and it separates few, repeated members."""
    distinct = texts.drop_duplicates()
    if not distinct.str.contains(separator, regex=False).any():
        return False
    members = distinct.str.split(separator, regex=False).explode()
    return members.nunique() <= most_members and members.nunique() < len(members)


def sets(column: Column, separator: str, missing: np.ndarray) -> Column:
    """Return tuples of the members, in their order; a missing set is empty."""
    import pandas as pd

    if not is_text(column):
        return column
    members = [
        () if gone else tuple(part.strip() for part in text.split(separator) if part.strip())
        for text, gone in zip(column.tolist(), missing, strict=True)
    ]
    return pd.Series(members, dtype=object)


def _shortest(values: Column) -> Column:
    """Return whole numbers as integers, if none is missing."""
    whole = values.notna().all() and (values % 1 == 0).all() and values.abs().max() < 2**53
    return values.astype("int64") if whole else values


def dates(column: Column, missing: np.ndarray) -> Column:
    """Return the times in UTC of a column of ISO 8601 text, where some may be missing."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return naive(column)
    found = pd.to_datetime(column.where(~missing), format="ISO8601", utc=True, errors="coerce")
    refuse(column, found.isna().to_numpy() & ~missing, "expected ISO 8601 text such as 2024-05-31")
    return naive(found)
