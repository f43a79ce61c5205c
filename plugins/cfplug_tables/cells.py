"""What the cells of one column mean: ids, numbers, ratings, moments.

Each function takes a column and gives one of the same length; DataError says which row does not
fit."""

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
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""


def text_ids(columns: Sequence[Column]) -> list[Column]:
    """Ids written as text, in the columns of several tables: whole numbers if all are, else all text.

    A whole number is one that would be written in the same way, so that 007 and 7 stay two ids.
    """
    import pandas as pd

    factored = [pd.factorize(column) for column in columns]
    whole = all(_WHOLE.fullmatch(each) for _, uniques in factored for each in uniques)
    made = [
        pd.Series([int(each) if whole else each for each in uniques]) for _, uniques in factored
    ]
    return [
        pd.Series(ids.to_numpy()[codes], dtype="int64" if whole else object)
        for ids, (codes, _) in zip(made, factored, strict=True)
    ]


def typed_ids(column: Column) -> Column:
    """Ids as a typed file has them: whole numbers, also where they are kept as floats, or text."""
    import pandas as pd

    if pd.api.types.is_float_dtype(column.dtype):
        refuse(column, (column % 1 != 0).to_numpy(), "an id is a whole number or text")
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
    import pyarrow as pa

    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype="float64", na_value=float("nan"))
    try:  # all at once, if all are numbers
        return pa.array(column, from_pandas=True).cast("float64").to_pandas().to_numpy()  # type: ignore[no-any-return]
    except pa.ArrowException:
        return _one_by_one(column)


def _one_by_one(column: Column) -> np.ndarray:
    import pandas as pd

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
    refuse(
        column,
        ~np.isfinite(values) | pd.api.types.is_bool_dtype(column.dtype),
        "a rating is a number",
    )
    if scale is not None:
        off = (values < scale[0]) | (values > scale[1])
        if off.any():
            row = int(off.argmax())
            raise DataError(
                f"the rating {values[row]:g} is off the scale, {scale[0]:g} to {scale[1]:g}",
                row=row,
            )
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
    refuse(column, found.isna().to_numpy(), "a time is ISO 8601 text such as 2024-05-31T12:00:00")
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
    refuse(
        column,
        ~np.isfinite(since),
        f"a time in {words} since 1970 is a number",
        "; for text, time_unit: iso",
    )
    seconds = since if unit == "s" else since / 1000
    late = np.abs(seconds) > _LAST_SECOND
    if late.any():
        row = int(late.argmax())
        hint = "; if it is milliseconds, time_unit: ms" if unit == "s" else ""
        raise DataError(f"the time {since[row]:.0f} {unit} is beyond the year 9999{hint}", row=row)
    return pd.Series(np.rint(seconds * 1000).astype("int64").astype("datetime64[ms]"))


def refuse(column: Column, bad: np.ndarray, rule: str, advice: str = "") -> None:
    """DataError for the first row where `bad`, of shape (n,), is true."""
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"{rule}; is {cell(column, row)!r}{advice}", row=row)
