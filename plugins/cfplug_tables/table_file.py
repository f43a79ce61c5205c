"""Hold a table as read from a file, and map its rows back to lines of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from cfplug import DataError
from cfplug.errors import did_you_mean

if TYPE_CHECKING:
    import pandas as pd


@frozen(eq=False)
class TableFile:
    """The table `table`, as read from the file `path`.

    `typed` is false where every cell is the text in the file, empty text included. `position` maps
    a row of `frame` to the first line of it in the file, or to itself if there are no lines.
    `originals` are the names of renamed columns in the file, `words` messages for the user.
    """

    table: str
    path: Path
    frame: pd.DataFrame
    typed: bool
    unit: str
    position: Callable[[int], int]
    words: tuple[str, ...] = ()
    originals: Mapping[str, str] = field(factory=dict)

    def where(self, row: int) -> str:
        """Return the row as text, such as `line 17`."""
        return f"{self.unit} {self.position(row)}"

    def fault(self, message: str, row: int | None = None, column: str | None = None) -> DataError:
        """Return the error `ratings.csv:17: column age: message`; `row` is a row of `frame`."""
        place = self.path.name
        if row is not None:
            place += f":{self.position(row)}" if self.unit == "line" else f", {self.where(row)}"
        named = f"column {self.originals.get(column, column)}: " if column else ""
        error = DataError(f"{place}: {named}{message}")
        error.table, error.row, error.column = self.table, row, column
        return error

    def convert(
        self, column: str, meaning: Callable[[pd.Series[Any]], pd.Series[Any]]
    ) -> pd.Series[Any]:
        """Return `meaning` of the column; its DataError gets the place in the file."""
        try:
            return meaning(self.frame[column])
        except DataError as error:
            raise self.fault(error.message, error.row, column) from error

    def having(self, columns: Mapping[str, pd.Series[Any]]) -> TableFile:
        """Return the same with other values in some columns."""
        return evolve(self, frame=self.frame.assign(**columns))


def existing(path: Path, *, folder: bool = False) -> Path:
    """Return `path` if it is a file (or a folder, if `folder`); DataError names the nearest."""
    if path.is_dir() and not folder:
        raise DataError(f"{path}: expected a file, got a folder")
    if path.exists():
        return path
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no folder {path.parent}")
    siblings = sorted(each.name for each in path.parent.iterdir())
    raise DataError(f"{path}: there is no such file{did_you_mean(path.name, siblings)}")
