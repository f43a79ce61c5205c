"""Results that are expensive and are computed once for a model."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any


class Memo(dict[Hashable, Any]):
    """Results by key, each computed when it is first asked for.

    This is the only part of a fitted model that changes. Copies of a model that differ in their
    policy alone share one memo; a copy with other training data needs a new one.
    """

    def once(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return the result for `key`, computed by `compute` unless it is there already."""
        if key not in self:
            self[key] = compute()
        return self[key]
