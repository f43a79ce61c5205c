"""What the cells of one column mean: ids, numbers, times, sets.

Each function takes a column and gives one of the same length; DataError says which row does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cfplug import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Column = pd.Series[Any]

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_LEADING_ZERO = r"^\s*-?0[0-9]"
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""


def text_ids(columns: Sequence[Column]) -> list[Column]:
    """Ids written as text, in the columns of several tables: whole numbers if all are, else all text.

    A whole number is one that would be written in the same way, so that 007 and 7 stay two ids.
    """
    import pandas as pd

    factored = [pd.factorize(column) for column in columns]
    whole = all(_WHOLE.fullmatch(each) for _, uniques in factored for each in uniques)
    made = [pd.Series([int(each) if whole else each for each in uniques]) for _, uniques in factored]
    return [
        pd.Series(ids.to_numpy()[codes], dtype="int64" if whole else object)
        for ids, (codes, _) in zip(made, factored, strict=True)
    ]


def typed_ids(column: Column) -> Column:
    """Ids as a typed file has them: whole numbers, also where they are kept as floats, or text."""
    import pandas as pd

    if pd.api.types.is_float_dtype(column.dtype):
        _refuse(column, (column % 1 != 0).to_numpy(), "an id is a whole number or text")
    elif not (pd.api.types.is_integer_dtype(column.dtype) or is_text(column)):
        raise DataError(f"an id is a whole number or text; is {cell(column, 0)!r}", row=0)
    return column.astype(object) if is_text(column) else column.astype("int64")


def filled(column: Column) -> Column:
    """The column, if no id in it is missing or blank."""
    empty = column.isna()
    if is_text(column):
        empty |= column.str.strip() == ""
    if empty.any():
        raise DataError("an id is empty", row=int(empty.to_numpy().argmax()))
    return column


def cell(column: Column, row: int) -> object:
    """One value as Python has it, which shows itself better than numpy's."""
    return column.iloc[[row]].tolist()[0]


def is_text(column: Column) -> bool:
    """Whether the values are texts, or missing."""
    import pandas as pd

    return pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty")


def numbers(column: Column) -> np.ndarray:
    """The numbers in `column`, of shape (n,) and type float64; NaN where there is none."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype="float64", na_value=float("nan"))
    codes, uniques = pd.factorize(column)
    parsed = pd.Series([_number(each) for each in uniques], dtype="float64")
    return parsed.reindex(codes).to_numpy()  # a missing value has the code -1, which is no row


def _number(value: object) -> float:
    """The nearest float64, which the parser of pandas does not promise; NaN for what people do not write."""
    text = str(value)
    try:
        return float(text) if text.isascii() and "_" not in text else float("nan")
    except ValueError:
        return float("nan")


def ratings(column: Column, scale: tuple[float, float] | None) -> Column:
    """Ratings as finite numbers on the scale."""
    import numpy as np
    import pandas as pd

    values = numbers(column)
    _refuse(column, ~np.isfinite(values) | pd.api.types.is_bool_dtype(column.dtype), "a rating is a number")
    if scale is not None:
        off = (values < scale[0]) | (values > scale[1])
        if off.any():
            row = int(off.argmax())
            raise DataError(f"the rating {values[row]:g} is off the scale, {scale[0]:g} to {scale[1]:g}", row=row)
    return pd.Series(values)


def times(column: Column, unit: str) -> Column:
    """Moments in UTC, to the millisecond, of a column in which none is missing."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        found = column
    elif unit == "iso":
        found = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
    else:
        return _moments(column, unit)
    _refuse(column, found.isna().to_numpy(), "a time is ISO 8601 text such as 2024-05-31T12:00:00")
    return naive(found)


def dates(column: Column, missing: np.ndarray) -> Column:
    """Moments in UTC of a column of ISO 8601 text, where some may be missing."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return naive(column)
    found = pd.to_datetime(column.where(~missing), format="ISO8601", utc=True, errors="coerce")
    _refuse(column, found.isna().to_numpy() & ~missing, "a time is ISO 8601 text such as 2024-05-31")
    return naive(found)


def naive(column: Column) -> Column:
    """Moments in UTC, without a zone, to the millisecond."""
    if column.dt.tz is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.astype("datetime64[ms]")


def _moments(column: Column, unit: str) -> Column:
    import numpy as np
    import pandas as pd

    since = numbers(column)
    words = {"s": "seconds", "ms": "milliseconds"}[unit]
    _refuse(column, ~np.isfinite(since), f"a time in {words} since 1970 is a number", "; for text, time_unit: iso")
    seconds = since if unit == "s" else since / 1000
    late = np.abs(seconds) > _LAST_SECOND
    if late.any():
        row = int(late.argmax())
        hint = "; if it is milliseconds, time_unit: ms" if unit == "s" else ""
        raise DataError(f"the time {since[row]:.0f} {unit} is beyond the year 9999{hint}", row=row)
    return pd.Series(np.rint(seconds * 1000).astype("int64").astype("datetime64[ms]"))


def _refuse(column: Column, bad: np.ndarray, rule: str, advice: str = "") -> None:
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"{rule}; is {cell(column, row)!r}{advice}", row=row)


# Metadata


def declared(column: Column, role: str, separator: str, missing: np.ndarray) -> Column:
    """The column as `role` wants it; where `missing`, of shape (n,), there is no value."""
    import numpy as np
    import pandas as pd

    if role == "number":
        values = numbers(column)
        _refuse(column, ~np.isfinite(values) & ~missing, "a number is expected")
        return _shortest(pd.Series(np.where(missing, np.nan, values)))
    if role == "set":
        return sets(column, separator, missing)
    return dates(column, missing) if role == "time" else column.where(~missing)


def inferred(column: Column, separator: str, missing: np.ndarray) -> Column:
    """The column of texts as numbers if all are, as sets if it looks so, else as text.

    Texts with leading zeros, such as zip codes, are no numbers.
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
    """The column of a typed file as it is, but for texts that look like sets."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return naive(column)
    known = column[~missing]
    return sets(column, separator, missing) if is_text(known) and looks_like_sets(known, separator) else column


def looks_like_sets(texts: Column, separator: str, most_members: int = 100) -> bool:
    """Whether some texts hold the separator, and what it separates are few words that come again."""
    distinct = texts.drop_duplicates()
    if not distinct.str.contains(separator, regex=False).any():
        return False
    members = distinct.str.split(separator, regex=False).explode()
    return members.nunique() <= most_members and members.nunique() < len(members)


def sets(column: Column, separator: str, missing: np.ndarray) -> Column:
    """Tuples of the members, in their order; a missing set is empty."""
    import pandas as pd

    if not is_text(column):
        return column
    members = [
        () if gone else tuple(part.strip() for part in text.split(separator) if part.strip())
        for text, gone in zip(column.tolist(), missing, strict=True)
    ]
    return pd.Series(members, dtype=object)


def _shortest(values: Column) -> Column:
    """Whole numbers as integers, where none is missing."""
    whole = values.notna().all() and (values % 1 == 0).all() and values.abs().max() < 2**53
    return values.astype("int64") if whole else values
