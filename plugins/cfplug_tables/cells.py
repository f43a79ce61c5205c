"""Convert the cells of a column to ids, numbers, ratings or times.

Each function takes a column and returns one of the same length; DataError names an invalid row.
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
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""


def text_ids(columns: Sequence[Column]) -> list[Column]:
    """Return text ids of several tables as whole numbers if all of them are, else as text.

    A whole number is one that is written in the same way, so that 007 and 7 stay two ids.
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
    """Return the ids of a typed file: whole numbers, also if stored as floats, or text."""
    import pandas as pd

    if pd.api.types.is_float_dtype(column.dtype):
        refuse(column, (column % 1 != 0).to_numpy(), "expected a whole number or text")
    elif not (pd.api.types.is_integer_dtype(column.dtype) or is_text(column)):
        raise DataError(f"expected a whole number or text, got {cell(column, 0)!r}", row=0)
    return column.astype(object) if is_text(column) else column.astype("int64")


def filled(column: Column) -> Column:
    """Return the column, after a check that no id is missing or blank."""
    empty = column.isna()
    if is_text(column):
        empty |= column.str.strip() == ""
    if empty.any():
        raise DataError("an id is empty", row=int(empty.to_numpy().argmax()))
    return column


def cell(column: Column, row: int) -> object:
    """Return one value as a Python object, whose repr is plainer than numpy's."""
    return column.iloc[[row]].tolist()[0]


def is_text(column: Column) -> bool:
    """Return whether all values are texts or missing."""
    import pandas as pd

    return pd.api.types.infer_dtype(column, skipna=True) in ("string", "empty")


def numbers(column: Column) -> np.ndarray:
    """Return the numbers in `column`, float64 of shape (n,); NaN where there is none."""
    import pandas as pd
    import pyarrow as pa

    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype="float64", na_value=float("nan"))
    try:  # all at once, if all are numbers
        parsed = pa.array(column, from_pandas=True).cast("float64")
        return parsed.to_pandas().to_numpy()  # type: ignore[no-any-return]
    except pa.ArrowException:
        return _one_by_one(column)


def _one_by_one(column: Column) -> np.ndarray:
    import pandas as pd

    codes, uniques = pd.factorize(column)
    parsed = pd.Series([_number(each) for each in uniques], dtype="float64")
    return parsed.reindex(codes).to_numpy()  # a missing value has the code -1, which has no row


def _number(value: object) -> float:
    """Return the nearest float64, which pandas does not guarantee; NaN for other text."""
    text = str(value)
    try:
        return float(text) if text.isascii() and "_" not in text else float("nan")
    except ValueError:
        return float("nan")


def ratings(column: Column, scale: tuple[float, float] | None) -> Column:
    """Return ratings as finite numbers on the scale."""
    import numpy as np
    import pandas as pd

    values = numbers(column)
    refuse(
        column,
        ~np.isfinite(values) | pd.api.types.is_bool_dtype(column.dtype),
        "expected a number",
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
    """Return times in UTC, in milliseconds, of a column without missing values."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        found = column
    elif unit == "iso":
        found = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
    else:
        return _epoch_times(column, unit)
    refuse(column, found.isna().to_numpy(), "expected ISO 8601 text such as 2024-05-31T12:00:00")
    return naive(found)


def naive(column: Column) -> Column:
    """Return times in UTC, in milliseconds, without a zone."""
    if column.dt.tz is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.astype("datetime64[ms]")


def _epoch_times(column: Column, unit: str) -> Column:
    import numpy as np
    import pandas as pd

    since = numbers(column)
    words = {"s": "seconds", "ms": "milliseconds"}[unit]
    refuse(
        column,
        ~np.isfinite(since),
        f"expected a number of {words} since 1970",
        "; for text, set time_unit: iso",
    )
    seconds = since if unit == "s" else since / 1000
    late = np.abs(seconds) > _LAST_SECOND
    if late.any():
        row = int(late.argmax())
        hint = "; for milliseconds, set time_unit: ms" if unit == "s" else ""
        raise DataError(f"the time {since[row]:.0f} {unit} is beyond the year 9999{hint}", row=row)
    return pd.Series(np.rint(seconds * 1000).astype("int64").astype("datetime64[ms]"))


def refuse(column: Column, bad: np.ndarray, rule: str, advice: str = "") -> None:
    """Raise DataError for the first row where `bad`, of shape (n,), is true."""
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"{rule}, got {cell(column, row)!r}{advice}", row=row)
