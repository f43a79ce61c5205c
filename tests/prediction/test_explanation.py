"""Check the table of an explanation: the largest parts, the others as one, plain cells."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfplug.prediction.explanation import Explanation, Part, Reasons, titled
from cfplug.report.elements import Interval

numbers = st.floats(-3, 3)


def explanation(*parts: Part, base: float = 2.5, note: str = "") -> Explanation:
    total = base + sum(part.contribution for part in parts)
    reasons = Reasons(base, parts, "the rating if all terms were zero", note)
    return Explanation("pmf", "ann", 7, ("user ann", "Heat (1995)"), total, reasons)


THREE = (
    Part("user bias", "ann", 0.25, 0.5),
    Part("factor 1", "", -1.0, -2.0),
    Part("item bias", "Heat", 0.5, 1.0),
)


def test_the_parts_are_largest_first_between_the_start_and_the_prediction() -> None:
    table = explanation(*THREE, note="How it came about.").table()
    assert table.title == "Why pmf predicts 2.25 for user ann and Heat (1995)"
    assert table.columns == ("part", "value", "rating points", "term")
    assert table.rows == (
        ("start: the rating if all terms were zero", "", 2.5, None),
        ("factor 1", "", -1.0, -2.0),
        ("item bias", "Heat", 0.5, 1.0),
        ("user bias", "ann", 0.25, 0.5),
        ("prediction", "", 2.25, None),
    )
    assert table.note == "How it came about."


def test_an_estimate_has_an_interval_and_no_term() -> None:
    found = explanation(Part("user", "ann", 0.5, error=0.1), Part("item", "Heat", -0.25, error=0.0))
    assert not found.exact
    assert found.table().columns == ("part", "value", "rating points")
    assert [row[2] for row in found.table().rows] == [2.5, Interval(0.5, 0.304, 0.696), -0.25, 2.75]


def test_the_small_parts_are_one_row() -> None:
    assert [
        (part.name, part.contribution, part.term) for part in explanation(*THREE).shortened(1)
    ] == [
        ("factor 1", -1.0, -2.0),
        ("the other 2 parts", 0.75, 1.5),
    ]
    alone = explanation(*THREE).shortened(2)
    assert [part.name for part in alone] == ["factor 1", "item bias", "user bias"], (
        "one part is no `other parts`"
    )


def test_the_others_are_at_most_as_unsure_as_all_of_them_together() -> None:
    parts = [Part(str(number), "", 1.0 / number, error=0.1 * number) for number in range(1, 5)]
    last = explanation(*parts).shortened(2)[-1]
    assert (last.name, last.term, last.error) == ("the other 2 parts", None, pytest.approx(0.7))


@settings(max_examples=20, deadline=None)
@given(
    parts=st.lists(st.tuples(numbers, numbers), max_size=8), most=st.integers(0, 9), base=numbers
)
def test_shortening_loses_nothing_of_the_sum(
    parts: list[tuple[float, float]], most: int, base: float
) -> None:
    found = explanation(*(Part("part", "", move, term) for move, term in parts), base=base)
    short = found.shortened(most)
    assert len(short) <= most + 1
    assert base + sum(part.contribution for part in short) == pytest.approx(found.prediction)
    assert sum(part.term or 0 for part in short) == pytest.approx(sum(term for _, term in parts))
    sizes = [abs(part.contribution) for part in found.parts]
    assert sizes == sorted(sizes, reverse=True)


def test_it_prints_as_its_table_and_shows_hostile_titles_as_text() -> None:
    found = explanation(Part("item", "<script>alert(1)</script>", -0.0001, error=0.0001))
    assert repr(found) == str(found.table())
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()
    assert str(found.parts[0].shown) == "0 (0 to 0)", "no zero is negative"


def test_an_id_without_a_label_is_called_by_its_side() -> None:
    assert (titled("user", 17, "17"), titled("item", 17, "Heat"), titled("user", "ann", "ann")) == (
        "user 17",
        "Heat",
        "user ann",
    )
