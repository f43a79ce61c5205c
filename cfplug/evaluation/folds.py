"""The folds that a split function gives, and what will be measured on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from cfplug.data.dataset import Split
from cfplug.errors import PluginError, did_you_mean, shown
from cfplug.recipe.reader import can_name_a_folder
from cfplug.recipe.recipe import Claim


def named(given: object) -> dict[str, Split]:
    """Return the splits by the name of their fold; a single split has the empty name.

    The rows of the splits are not checked.

    Raises:
        PluginError: `given` is neither a Split nor a mapping of at least one name to a Split.
    """
    if isinstance(given, Split):
        return {"": given}
    if not isinstance(given, Mapping):
        raise PluginError(f"split gave {type(given).__name__}, not a Split")
    if not given:
        raise PluginError("split gave a mapping without folds; it needs at least one")
    for fold, split in given.items():
        if not can_name_a_folder(fold):
            raise PluginError(
                f"split gave a fold called {shown(fold)}; "
                "a fold's name is text that can name a folder"
            )
        if not isinstance(split, Split):
            raise PluginError(f"split gave {type(split).__name__} as fold {fold}, not a Split")
    return dict(given)


@contextmanager
def in_fold(fold: str) -> Iterator[None]:
    """Add the name of the fold, if it has one, to an error raised inside."""
    try:
        yield
    except Exception as error:
        if fold:
            error.add_note(f"in fold {fold}")
        raise


def measured(split: Split) -> dict[str, np.ndarray]:
    """Return the rows, shape (n,), of each part that models are measured on: all but `train`."""
    return {part: rows for part, rows in split.parts().items() if part != "train"}


def unmeasured(claim: Claim, folds: Mapping[str, Split]) -> Iterator[tuple[str, str]]:
    """Yield the key of a claim about something that will not be measured, and the reason."""
    if claim.cold_start:
        return
    if claim.fold and claim.fold not in folds:
        there = f"it has {', '.join(folds)}" if any(folds) else "it gives one split, without a name"
        guess = did_you_mean(claim.fold, folds)
        yield "fold", f"the split has no fold called {shown(claim.fold)}{guess} ({there})"
        return
    of_claim = [measured(split) for fold, split in folds.items() if claim.fold in ("", fold)]
    parts = [part for part in of_claim[0] if all(part in each for each in of_claim)]
    if claim.part not in parts:
        yield "part", f"{claim.part} is not measured; {' and '.join(parts)} will be"
