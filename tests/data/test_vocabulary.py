"""Ids and codes: what goes in comes out, whatever the ids are and however a table keeps them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cfplug import Batch, DataError, Dataset
from cfplug.data.batch import Interactions
from cfplug.data.catalogue import Catalogue, Support
from cfplug.data.vocabulary import SIDES, UNKNOWN, Vocabulary, vocabulary

quick = settings(max_examples=30, deadline=None)

whole = st.integers(-(2**63), 2**63 - 1)
small = st.integers(-99, 99)
texts = st.text(min_size=1, max_size=12).filter(str.strip)
numerals = small.map(str)
words = texts.filter(lambda text: not any(letter.isdigit() for letter in text))


def tables(*each: st.SearchStrategy[Any], at_least: int = 1) -> st.SearchStrategy[list[int | str]]:
    """Distinct ids; 1 and "1" are two."""
    return st.lists(st.one_of(*each), min_size=at_least, max_size=20, unique=True)


any_ids = tables(whole) | tables(texts) | tables(small, numerals, texts)


def of(*ids: int | str) -> Vocabulary:
    return Vocabulary("user", ids)


def ratings(users: list[Any], items: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user": pd.Series(users, dtype=object),
            "item": pd.Series(items, dtype=object),
            "rating": np.arange(len(users)) % 5 + 1.0,
        }
    )


# Ids -> codes -> ids


@quick
@given(ids=any_ids, data=st.data())
@example(ids=[1, "1"], data=None)
@example(ids=["é", "e\u0301", "ß", "SS", "\U0001f3ac", "0", "00", "-0", 0, "1.0"], data=None)
def test_encoding_and_decoding_are_inverse(ids: list[int | str], data: Any) -> None:
    vocabulary, codes = of(*ids), np.arange(len(ids))
    assert vocabulary.encode(ids).tolist() == codes.tolist()
    assert vocabulary.decode(codes) == ids
    asked = data.draw(st.lists(st.sampled_from(ids))) if data else [ids[-1], ids[0], ids[-1]]
    found = vocabulary.decode(vocabulary.encode(asked))
    assert [(type(each), each) for each in found] == [(type(each), each) for each in asked]


@quick
@given(users=any_ids, items=any_ids, data=st.data())
def test_a_dataset_comes_back_from_its_codes(users: list[Any], items: list[Any], data: Any) -> None:
    pairs = data.draw(
        st.lists(
            st.tuples(st.sampled_from(users), st.sampled_from(items)),
            min_size=1,
            max_size=30,
            unique=True,
        )
    )
    table = ratings(*map(list, zip(*pairs, strict=True)))
    catalogue = Catalogue.of(Dataset.build("any", table))
    batch = catalogue.encode(table)
    assert (
        list(zip(catalogue.user.decode(batch.user), catalogue.item.decode(batch.item), strict=True))
        == pairs
    )


@quick
@given(ids=any_ids)
def test_json_keeps_a_vocabulary(ids: list[int | str]) -> None:
    before = Vocabulary("item", tuple(ids), tuple(f"title of {each}" for each in ids))
    after = Vocabulary.from_json("item", json.loads(json.dumps(before.to_json())))
    assert [(type(each), each) for each in after.ids] == [(type(each), each) for each in ids]
    assert (after.side, after.labels) == ("item", before.labels)
    assert after.encode(ids).tolist() == list(range(len(ids)))


def test_json_keeps_missing_labels() -> None:
    assert of(3, "x").to_json() == {"ids": [3, "x"], "labels": None}
    assert Vocabulary.from_json("user", {"ids": [3, "x"], "labels": None}).labels is None


def test_codes_are_64_bit_and_of_the_length_that_was_asked() -> None:
    for asked in ([], [5], [5, 8, 5]):
        for form in (asked, np.array(asked, dtype=np.int64), pd.Series(asked, dtype=object)):
            codes = of(8, 5).encode(form)
            assert (codes.dtype, codes.tolist()) == (
                np.int64,
                [{8: 0, 5: 1}[each] for each in asked],
            )


def test_unknown_is_not_a_valid_code() -> None:
    with pytest.raises(DataError) as raised:
        of(8, 5).decode([1, UNKNOWN])
    assert str(raised.value) == "column user: no user has the code -1"


# By value


@quick
@given(ids=tables(st.integers(-(2**53), 2**53)), data=st.data())
def test_whole_numbers_are_found_in_any_spelling(ids: list[int], data: Any) -> None:
    asked = data.draw(st.lists(st.sampled_from(ids), min_size=1))
    spell = st.sampled_from(
        [int, str, float, np.int64, np.float64, lambda each: f" {each}\t", np.str_]
    )
    spelt = [data.draw(spell)(each) for each in asked]
    assert of(*ids).decode(of(*ids).encode(spelt)) == asked


@quick
@given(ids=tables(numerals), data=st.data())
def test_numbers_find_ids_that_are_kept_as_text(ids: list[str], data: Any) -> None:
    asked = data.draw(st.lists(st.sampled_from(ids), min_size=1))
    spelt = [data.draw(st.sampled_from([int, str, float]))(each) for each in asked]
    assert of(*ids).decode(of(*ids).encode(spelt)) == asked


def test_number_and_text_are_two_ids_where_the_catalogue_has_both() -> None:
    assert of(1, "1", "x").encode([1, "1", 1.0, "x"]).tolist() == [0, 1, 0, 2]


def test_spellings_that_are_other_texts_are_other_ids() -> None:
    assert of("7", "007", "é", "x").encode([7, "007", "7", "e\u0301", "X"]).tolist() == [
        0,
        1,
        0,
        UNKNOWN,
        UNKNOWN,
    ]


@quick
@given(ids=tables(whole), other=tables(whole))
def test_a_column_of_integers_is_encoded_as_one_by_one(ids: list[int], other: list[int]) -> None:
    asked = np.array(ids + other, dtype=np.int64)
    naive = [ids.index(each) if each in ids else UNKNOWN for each in ids + other]
    assert of(*ids).encode(asked).tolist() == of(*ids).encode(asked.tolist()).tolist() == naive


NUMBERS = [
    "int64",
    "int32",
    "uint8",
    "float64",
    "Int64",
    "UInt64",
    "Float64",
    "int64[pyarrow]",
    "category",
    "object",
]
TEXTS = ["str", "object", "string", "string[pyarrow]", "string[python]", "category"]


@pytest.mark.parametrize("dtype", [*NUMBERS, "str"])
def test_numbers_are_found_whatever_the_type_of_their_column(dtype: str) -> None:
    column = pd.Series([30, 7, 30, 4]).astype(dtype)
    assert of(7, 30).encode(column).tolist() == [1, 0, 1, UNKNOWN]
    assert of("7", "30").encode(column).tolist() == [1, 0, 1, UNKNOWN]


@pytest.mark.parametrize("dtype", TEXTS)
def test_texts_are_found_whatever_the_type_of_their_column(dtype: str) -> None:
    column = pd.Series(["zoë", "bob", "zoë", "eve"], dtype=dtype)
    assert of("bob", "zoë").encode(column).tolist() == [1, 0, 1, UNKNOWN]


@pytest.mark.parametrize("dtype", [*NUMBERS, *TEXTS])
def test_any_type_of_column_makes_a_catalogue(dtype: str) -> None:
    plain = ["b", "a", "b"] if dtype in TEXTS and dtype not in NUMBERS else [30, 7, 30]
    table = pd.DataFrame(
        {"user": pd.Series(plain).astype(dtype), "item": [1, 1, 2], "rating": [1.0, 2.0, 3.0]}
    )
    catalogue = Catalogue.of(Dataset.build("typed", table))
    assert catalogue.user.ids == tuple(plain[:2])
    assert {type(each) for each in catalogue.user.ids} == {type(plain[0])}
    assert catalogue.encode(table).user.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("ids", "asked", "refusal"),
    [
        (
            (7, 30),
            [7, "bob"],
            "row 1, column user: the user ids are whole numbers, such as 7; asked for 'bob'",
        ),
        (
            (7, 30),
            ["7.5"],
            "row 0, column user: the user ids are whole numbers, such as 7; asked for '7.5'",
        ),
        (
            (7, 30),
            [7, 30, 2.5],
            "row 2, column user: the user ids are whole numbers, such as 7; asked for 2.5",
        ),
        (
            (7, 30),
            [""],
            "row 0, column user: the user ids are whole numbers, such as 7; asked for ''",
        ),
        (
            (7, 30),
            [True],
            "row 0, column user: the user ids are whole numbers, such as 7; asked for True",
        ),
        (
            (7, 30),
            [7, np.True_],
            "row 1, column user: the user ids are whole numbers, such as 7; asked for True",
        ),
        (
            (7, 30),
            [None],
            "row 0, column user: the user ids are whole numbers, such as 7; asked for None",
        ),
        (
            (7, 30),
            [7, float("nan")],
            "row 1, column user: the user ids are whole numbers, such as 7; asked for nan",
        ),
        (
            (7, 30),
            [float("inf")],
            "row 0, column user: the user ids are whole numbers, such as 7; asked for inf",
        ),
        (
            (7, 30),
            [(7,)],
            "row 0, column user: the user ids are whole numbers, such as 7; asked for (7,)",
        ),
        (
            ("bob", "eve"),
            [1, 2.0],
            "row 0, column user: the user ids are text, such as 'bob'; asked for 1",
        ),
        (
            ("bob", "007"),
            np.array([7, 8]),
            "row 0, column user: the user ids are text, such as 'bob'; asked for 7",
        ),
        (
            ("bob", "eve"),
            ["bob", None],
            "row 1, column user: the user ids are text, such as 'bob'; asked for None",
        ),
        (
            (7, "bob"),
            [2.5],
            "row 0, column user: the user ids are whole numbers and text, such as 7; asked for 2.5",
        ),
    ],
)
def test_what_cannot_be_an_id_here_is_refused(
    ids: tuple[Any, ...], asked: Any, refusal: str
) -> None:
    with pytest.raises(DataError) as raised:
        of(*ids).encode(asked)
    assert str(raised.value) == refusal


@quick
@given(ids=tables(whole), word=words, before=st.lists(small, max_size=3))
def test_a_word_among_numbers_is_refused_with_its_row(
    ids: list[int], word: str, before: list[int]
) -> None:
    with pytest.raises(DataError) as raised:
        of(*ids).encode([*before, word, 5])
    example = f"the user ids are whole numbers, such as {ids[0]}; asked for {word!r}"
    assert str(raised.value) == f"row {len(before)}, column user: {example}"


def test_a_number_of_thousands_of_digits_is_refused_like_a_word() -> None:
    with pytest.raises(DataError) as raised:
        of(7, 30).encode(["9" * 5000])
    assert str(raised.value).startswith(
        "row 0, column user: the user ids are whole numbers, such as 7; asked for '999"
    )


def test_newcomers_of_the_right_kind_are_unknown() -> None:
    assert (
        of(7, 30).encode([8, "9", 10.0, 7, 2**70, "9" * 25]).tolist()
        == [UNKNOWN] * 3 + [0] + [UNKNOWN] * 2
    )
    assert of("bob", "eve").encode(["ann", "bob", ""]).tolist() == [UNKNOWN, 0, UNKNOWN]
    assert of("bob", "eve").encode(["ann", ""]).tolist() == [UNKNOWN, UNKNOWN]
    assert of("bob", "eve").encode([8, "ann"]).tolist() == [UNKNOWN, UNKNOWN]
    assert of("bob", 7).encode([8, "ann"]).tolist() == [UNKNOWN, UNKNOWN]
    assert of("bob", "7").encode([8, 9]).tolist() == [UNKNOWN, UNKNOWN]


# Labels


def test_a_label_replaces_its_id_and_the_id_a_missing_label() -> None:
    items = pd.DataFrame({"item": [5, 6, 7], "title": ["Heat", None, "Heat"]})
    table = ratings([1, 2, 1, 2], [5, 5, 6, 7])
    items_side = vocabulary(Dataset.build("films", table, items=items), "item")
    assert [items_side.label(code) for code in range(3)] == ["Heat", "6", "Heat"]
    users_side = vocabulary(Dataset.build("films", table, items=items), "user")
    assert (users_side.labels, users_side.label(1)) == (None, "2")


# Batches


def three() -> Batch:
    return Batch(np.array([2, 0, 1]), np.array([4, 4, 3]), {"month": np.array([1, 2, 12])})


def test_rows_of_a_batch_are_a_batch() -> None:
    assert len(three()) == 3
    for rows in (slice(1, None), np.array([1, 2]), np.array([False, True, True])):
        part = three()[rows]
        assert (part.user.tolist(), part.item.tolist(), part.context["month"].tolist()) == (
            [0, 1],
            [4, 3],
            [2, 12],
        )


def test_a_batch_goes_to_a_device_as_tensors() -> None:
    moved = three().to("cpu", non_blocking=True)
    assert all(
        isinstance(each, torch.Tensor) for each in (moved.user, moved.item, moved.context["month"])
    )
    assert (moved.user.tolist(), moved.user.dtype) == ([2, 0, 1], torch.int64)
    assert moved[torch.tensor([2])].context["month"].tolist() == [12]


# What training knew

codes = st.tuples(st.integers(1, 7), st.integers(1, 9)).flatmap(
    lambda sizes: st.tuples(
        st.just(sizes),
        st.lists(
            st.tuples(
                st.integers(0, sizes[0] - 1), st.integers(0, sizes[1] - 1), st.integers(1, 5)
            ),
            min_size=1,
            max_size=40,
        ),
    )
)


@quick
@given(drawn=codes)
def test_support_counts_and_adds_up_the_ratings_of_each_id(drawn: Any) -> None:
    (n_users, n_items), rows = drawn
    user, item, rating = (np.array(column) for column in zip(*rows, strict=True))
    support = Support.of(Interactions(Batch(user, item), rating.astype(float), n_users, n_items))
    for side, position, size in (("user", 0, n_users), ("item", 1, n_items)):
        assert support.count[side].tolist() == [
            sum(row[position] == code for row in rows) for code in range(size)
        ]
        sums = [sum(row[2] for row in rows if row[position] == code) for code in range(size)]
        assert support.sum[side].tolist() == sums
        asked = np.array([*range(size), UNKNOWN, 0])
        trained = [any(row[position] == code for row in rows) for code in asked]
        assert support.trained(side, asked).tolist() == trained
    assert support.mean == pytest.approx(sum(row[2] for row in rows) / len(rows))


@quick
@given(users=tables(small, numerals, at_least=2), items=tables(texts, at_least=3), data=st.data())
def test_rated_by_gives_the_items_that_a_user_rated(
    users: list[Any], items: list[Any], data: Any
) -> None:
    pairs = data.draw(
        st.lists(
            st.tuples(st.sampled_from(users), st.sampled_from(items)),
            min_size=1,
            max_size=30,
            unique=True,
        )
    )
    known = pd.DataFrame({"user": pd.Series(users, dtype=object)})
    catalogue = Catalogue.of(
        Dataset.build("any", ratings(*map(list, zip(*pairs, strict=True))), users=known)
    )
    for code, user in enumerate(users):
        assert set(catalogue.item.decode(catalogue.rated_by(code))) == {
            item for each, item in pairs if each == user
        }
    assert sum(len(catalogue.rated_by(code)) for code in range(len(users))) == len(pairs)
    assert catalogue.rated_by(UNKNOWN).tolist() == []


def test_interactions_are_the_rows_of_a_split_in_codes() -> None:
    table = ratings(["u", "v", "u", "v"], [5, 5, 6, 7])
    dataset = Dataset.build("four", table)
    part = Catalogue.of(dataset).interactions(dataset.ratings, np.array([3, 0]))
    assert (part.batch.user.tolist(), part.batch.item.tolist(), part.rating.tolist()) == (
        [1, 0],
        [2, 0],
        [4.0, 1.0],
    )
    assert (len(part), part.n_users, part.n_items) == (2, 2, 3)
    part.rating[0] = 99.0
    assert dataset.ratings["rating"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_the_sides_of_a_catalogue_have_names() -> None:
    catalogue = Catalogue.of(Dataset.build("two", ratings(["u", "v"], [5, 5])))
    assert {side: catalogue.side(side).ids for side in SIDES} == {"user": ("u", "v"), "item": (5,)}


@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        (
            ["user", "items"],
            "pairs need a column called item; found user, items; did you mean items?",
        ),
        (["User", "item"], "pairs need a column called user; found User, item; did you mean User?"),
        (["a", "b"], "pairs need a column called user; found a, b"),
        ([], "pairs need a column called user; found none"),
    ],
)
def test_pairs_without_a_needed_column_are_refused(columns: list[str], refusal: str) -> None:
    catalogue = Catalogue.of(Dataset.build("two", ratings(["u", "v"], [5, 5])))
    with pytest.raises(DataError) as raised:
        catalogue.encode(pd.DataFrame({name: [1] for name in columns}))
    assert str(raised.value) == refusal


# What a person calls an id

FILMS = Vocabulary(
    "item",
    (10, 20, 30, 40, 50, 60, 1984),
    (
        "Heat (1995)",
        "heat (1995)",
        "Ran",
        "Jaws 20",
        "Kolya (1996)",
        "Kolya (1996)",
        "The Ran of Ran",
    ),
)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(
            (20, 1),
            ("20", 1),
            (" 20 ", 1),
            (np.int64(30), 2),
            ("1984", 6),
        ),  # an id goes before a part of a title
        *(("Heat (1995)", 0), ("heat (1995)", 1), ("Ran", 2), (" Ran ", 2), ("rAN", 2)),
        *(("JAWS", 3), ("ran of", 6), ("aws 2", 3)),
    ],
)
def test_an_id_is_found_by_itself_its_label_or_a_part_of_one_label(name: Any, code: int) -> None:
    assert FILMS.find(name) == code


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        (
            "HEAT (1995)",
            "2 items are called 'HEAT (1995)', in whole or in part: 'Heat (1995)' (id 10), "
            "'heat (1995)' (id 20)",
        ),
        (
            "kolya",
            "2 items are called 'kolya', in whole or in part: 'Kolya (1996)' (id 50), "
            "'Kolya (1996)' (id 60)",
        ),
        (
            "a",
            "7 items are called 'a', in whole or in part: 'Ran' (id 30), 'Jaws 20' (id "
            "40), 'Heat (1995)' (id 10), "
            "'heat (1995)' (id 20), 'Kolya (1996)' (id 50), ...",
        ),
        ("Kolia (1996)", "no item is called 'Kolia (1996)'; did you mean 'Kolya (1996)'?"),
        ("Kolia", "no item is called 'Kolia'; did you mean 'Kolya (1996)'?"),
        (
            "Het (1995)",
            "no item is called 'Het (1995)'; did you mean 'Heat (1995)' or 'heat (1995)'?",
        ),
        ("Solaris", "no item is called 'Solaris'"),
        ("  ", "no item is called '  '"),
        (77, "no item is called 77"),
        (None, "the item ids are whole numbers, such as 10; asked for None"),
        (1.5, "the item ids are whole numbers, such as 10; asked for 1.5"),
    ],
)
def test_a_name_that_does_not_fit_one_id_is_refused_with_those_that_are_near(
    name: Any, refusal: str
) -> None:
    with pytest.raises(DataError) as raised:
        FILMS.find(name)
    assert str(raised.value) == refusal


def test_at_most_five_names_are_listed() -> None:
    many = Vocabulary("item", tuple(range(9)), tuple(f"Rocky {number}" for number in "123456789"))
    for name, words in (("Rocky", 5), ("Rockya", 5)):
        with pytest.raises(DataError) as raised:
            many.find(name)
        assert str(raised.value).count("'Rocky ") == words
    with pytest.raises(DataError, match=r"^9 items are called 'rocky', .*\(id 4\), \.\.\.$"):
        many.find("rocky")


def test_without_labels_an_id_is_found_by_itself_alone() -> None:
    people = Vocabulary("user", ("Ann", "bob", "bobby"))
    assert [people.find(name) for name in ("Ann", "ann", "bob", "BOBBY")] == [0, 0, 1, 2]
    for known, name, refusal in (
        (people, "bo", "no user is called 'bo'; did you mean 'bob' or 'bobby'?"),
        (people, "bobi", "no user is called 'bobi'; did you mean 'bob' or 'bobby'?"),
        (people, "Sue\x1b", "no user is called 'Sue\\x1b'"),
        (of(196, 19), 1, "no user is called 1"),
        (of(196, 19), "ann", "the user ids are whole numbers, such as 196; asked for 'ann'"),
    ):
        with pytest.raises(DataError) as raised:
            known.find(name)
        assert str(raised.value) == refusal


@quick
@given(ids=any_ids, data=st.data())
def test_every_id_is_found_by_itself_whatever_the_labels(ids: list[Any], data: Any) -> None:
    labels = data.draw(st.lists(texts, min_size=len(ids), max_size=len(ids)))
    vocabulary = Vocabulary("item", tuple(ids), tuple(labels))
    assert [vocabulary.find(each) for each in ids] == list(range(len(ids)))


# Vectors, and which ratings training saw


def test_a_batch_brings_vectors_in_the_place_of_what_was_learned() -> None:
    plain = Batch(np.array([0, 2]), np.array([1, 1]), {"hour": np.array([5, 6])})
    assert plain.vector("user") is None
    rows = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    batch = plain.with_vectors("user", rows).with_vectors("item", rows[:, :1])
    assert (batch.vector("user").tolist(), batch.vector("item").tolist()) == (
        rows.tolist(),
        [[1.0], [4.0]],
    )
    assert batch.context["hour"].tolist() == [5, 6]
    assert plain.vector("user") is None, "the batch that was asked stays as it is"
    assert batch[np.array([1])].vector("user").tolist() == [[4.0, 5.0, 6.0]]
    moved = batch.to("cpu")
    assert str(moved.vector("user").dtype) == "torch.float32"
    assert str(moved.context["hour"].dtype) == "torch.int64"


@given(data=st.data())
def test_the_catalogue_knows_which_of_its_ratings_are_those_of_a_batch(data: Any) -> None:
    cells = st.tuples(st.integers(1, 4), st.integers(1, 7))
    pairs = data.draw(st.lists(cells, min_size=1, max_size=15, unique=True))
    rows = np.array(
        data.draw(st.lists(st.integers(0, len(pairs) - 1), max_size=9, unique=True)), dtype=np.int64
    )
    ratings = pd.DataFrame(pairs, columns=["user", "item"]).assign(
        rating=1.0 * np.arange(len(pairs))
    )
    catalogue = Catalogue.of(Dataset.build("drawn", ratings))
    which = catalogue.which(catalogue.interactions(ratings, rows).batch)
    assert which.shape == (len(pairs),)
    assert sorted(catalogue.rated_rating[which].tolist()) == sorted(rows.tolist())
