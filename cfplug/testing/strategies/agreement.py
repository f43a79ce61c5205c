"""Which of some values go together, where a component has rules between its parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import define, field

from cfplug.params import structure_value, types_of

Choice = tuple[str, Any]
"""A parameter and one of its choices."""


@define
class Agreement:
    """A table of plain values that grows by what the rules of the parameter class accept.

    A rule between parameters is code, in `__attrs_post_init__`, so it can only be asked: every
    value fits its own parameter, and making the object shows whether all fit together."""

    params: type
    table: dict[str, Any] = field(factory=dict)
    _read: dict[str, Any] = field(factory=dict, init=False)
    _waiting: dict[str, Any] = field(factory=dict, init=False)

    def holds(self) -> bool:
        """Whether the table as it is would be accepted."""
        return self._accepts({})

    def add(self, values: Mapping[str, Any]) -> bool:
        """All of `values`, or none if they are refused; whether they were accepted."""
        if not self._accepts(values):
            return False
        self.table |= values
        for name in values:
            self._waiting.pop(name, None)
        return True

    def search(self, values: Mapping[str, Any], choices: Sequence[Choice] = ()) -> None:
        """Add as many of `values` as the rules accept, taken in their order.

        One that is refused is tried beside each that was refused before (`schedule: steps` and
        `step_epochs: [3]`), and beside each of `choices` of another parameter that is not there yet
        (`flat_share: 0.5` needs `schedule: flat-cosine`); at last all that are left are tried
        again."""
        for name, value in values.items():
            if name not in self.table and not any(map(self.add, self._ways(name, value, choices))):
                self._waiting[name] = value
        while any(self.add({name: value}) for name, value in tuple(self._waiting.items())):
            pass  # each one that fits may make room for another

    def _ways(self, name: str, value: Any, choices: Sequence[Choice]) -> Iterator[dict[str, Any]]:
        yield {name: value}
        for other, its in (*self._waiting.items(), *choices):
            if other != name and other not in self.table:
                yield {other: its, name: value}

    def _accepts(self, more: Mapping[str, Any]) -> bool:
        try:
            self.params(
                **{
                    name: self._as_read(name, value)
                    for name, value in {**self.table, **more}.items()
                }
            )
        except (
            Exception
        ):  # a rule's own ValueError, or a slip in the rule: a recipe's reader takes neither
            return False
        return True

    def _as_read(self, name: str, value: Any) -> Any:
        """The value as the reader passes it to the class; each is read once, as one table is tried many times."""
        key = f"{name}={value!r}"
        if key not in self._read:
            self._read[key] = structure_value(value, types_of(self.params)[name]).value
        return self._read[key]
