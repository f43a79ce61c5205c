"""Read what is known of new users from files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from cfplug.data.vocabulary import Vocabulary
from cfplug.errors import CfplugError, DataError
from cfplug.prediction.newcomers import KnownIds, Newcomers, introduce


def newcomers_from_files(
    known: KnownIds, ratings: Path | str | None, metadata: Mapping[str, object], user: object
) -> Newcomers:
    """Return new users as `FittedModel.newcomers_from_files`."""
    columns = {name: [value] for name, value in metadata.items()}
    users = pd.DataFrame({"user": [user], **columns})
    given = None if ratings is None else _read_ratings(Path(ratings), known.catalogue.item, user)
    return introduce(known, users, None, given)


def _read_ratings(path: Path, items: Vocabulary, user: object) -> pd.DataFrame:
    """Return the ratings of a file, with the ids of items that it may name by their titles."""
    table = read_text_table(path)
    for name in ("item", "rating"):
        if name not in table.columns:
            found = ", ".join(table.columns) or "none"
            raise CfplugError(f"{path} needs a column called {name}; found {found}")
    ids = []
    for row, text in enumerate(table["item"]):
        try:
            ids.append(items.ids[items.find(text)])
        except DataError as error:
            raise CfplugError(f"{path}, row {row + 1}: {error}") from error
    users = table["user"].tolist() if "user" in table.columns else [user] * len(table)
    return table.assign(user=pd.Series(users, dtype=object), item=pd.Series(ids, dtype=object))


def read_text_table(path: Path) -> pd.DataFrame:
    """Return the table of a CSV or Parquet file; CSV cells as text, so that 007 is not 7.

    Raises:
        CfplugError: The file cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CfplugError(f"{path} cannot be read: {reason}") from error


def new_id(vocabulary: Vocabulary) -> int | str:
    """Return an id that the catalogue does not have."""
    if all(isinstance(each, int) for each in vocabulary.ids):
        return max(map(int, vocabulary.ids), default=0) + 1
    name, number = "newcomer", 0
    while name in vocabulary.ids:
        number += 1
        name = f"newcomer{number}"
    return name
