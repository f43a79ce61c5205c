"""Show why a model predicts a rating: parts that sum to the prediction."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from cfplug.report.elements import Interval, Table

SURE = 1.96
"""Standard errors to either side of a 95 % confidence interval."""


@frozen
class Part:
    """One reason: its name, its value for this pair, and by how much it moves the rating.

    `term` is its part of the sum before the loss turns that into a rating; None where the parts
    were estimated from predictions. Then `error` is the standard error of the contribution.
    """

    name: str
    value: str
    contribution: float
    term: float | None = None
    error: float = 0.0

    @property
    def shown(self) -> float | Interval:
        """The contribution as a cell of a table, with its 95 % interval where it is an estimate."""
        if not self.error:
            return rounded(self.contribution)
        width = SURE * self.error
        low, high = self.contribution - width, self.contribution + width
        return Interval(rounded(self.contribution), rounded(low), rounded(high))


def _largest_first(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: -abs(part.contribution)))


@frozen
class Reasons:
    """A base and the parts that lead from there to a prediction, in rating points, largest first.

    `start` says in words what the base is, and `note` how the parts were computed.
    """

    base: float
    parts: tuple[Part, ...] = field(converter=_largest_first)
    start: str
    note: str


@frozen(repr=False)
class Explanation:
    """The prediction for one pair, and the reasons, which sum to it.

    `labels` are what people read for the two ids.
    """

    model: str
    user: int | str
    item: int | str
    labels: tuple[str, str]
    prediction: float
    reasons: Reasons

    @property
    def base(self) -> float:
        """Where the sum starts, in rating points."""
        return self.reasons.base

    @property
    def parts(self) -> tuple[Part, ...]:
        """What moves the rating from the base to the prediction, largest first."""
        return self.reasons.parts

    @property
    def exact(self) -> bool:
        """Whether the parts are the model's own terms, not estimates."""
        return all(part.term is not None for part in self.parts)

    def shortened(self, most: int) -> tuple[Part, ...]:
        """Return the `most` largest parts, and all others as one more.

        The error of a sum is at most the sum of the errors, which is what the others get.
        """
        if len(self.parts) <= most + 1:  # one part alone takes as many rows as the others in one
            return self.parts
        rest = self.parts[most:]
        terms = [part.term for part in rest if part.term is not None]
        others = Part(
            f"the other {len(rest)} parts",
            "",
            sum(part.contribution for part in rest),
            sum(terms) if len(terms) == len(rest) else None,
            sum(part.error for part in rest),
        )
        return (*self.parts[:most], others)

    def table(self, most: int = 10) -> Table:
        """Return the sum as rows: the start, the `most` largest parts, the rest, the prediction."""
        rows: list[tuple[object, ...]] = [
            (f"start: {self.reasons.start}", "", rounded(self.base), None)
        ]
        for part in self.shortened(most):
            term = None if part.term is None else rounded(part.term)
            rows.append((part.name, part.value, part.shown, term))
        rows.append(("prediction", "", rounded(self.prediction), None))
        columns = ("part", "value", "rating points", "term")
        used = len(columns) if self.exact and self.parts else len(columns) - 1
        return Table(self._title, columns[:used], [row[:used] for row in rows], self.reasons.note)

    @property
    def _title(self) -> str:
        user, item = self.labels
        return f"Why {self.model} predicts {self.prediction:.2f} for {user} and {item}"

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def rounded(points: float) -> float:
    """Return a number of rating points as a table shows it, without a negative zero."""
    return round(points, 3) + 0.0


def titled(side: str, id_: int | str, label: str) -> str:
    """Return what a sentence calls an id: its label, or `user 17` where it has none of its own."""
    return label if label != str(id_) else f"{side} {id_}"
