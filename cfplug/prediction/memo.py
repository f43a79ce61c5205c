"""Results that are expensive and are computed once for a model."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any


class Memo:
    """Results by key, each computed when it is first asked for.

    This is the only part of a fitted model that changes. Copies of a model that differ in their
    policy alone share one memo; a copy with other training data needs a new one.
    """

    def __init__(self) -> None:
        self._results: dict[Hashable, Any] = {}

    def once(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return the result for `key`, computed by `compute` unless it is there already."""
        if key not in self._results:
            self._results[key] = compute()
        return self._results[key]

    def clear(self) -> None:
        """Forget all results."""
        self._results.clear()

    def __iter__(self) -> Iterator[Hashable]:
        """Yield the keys of all results so far."""
        return iter(tuple(self._results))

    def __getitem__(self, key: Hashable) -> Any:
        return self._results[key]
