"""Sources with one fault each, which the help names, and sound ones.

Those whose tables are wrong make their dataset themselves, past `Dataset.build`, which would not
let them.
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import attrs
import numpy as np

import cfplug
from cfplug import Dataset, Scale, Split


@attrs.frozen
class FileParams:
    """Ratings from a file, by its path."""

    path: Path = cfplug.param(Path("ratings.txt"), help="a file of ratings, one number a line")


@cfplug.hookimpl
def cfplug_sources() -> list[cfplug.Source]:
    return [
        cfplug.Source("sound", read=sound, help="A few ratings."),
        cfplug.Source("sound-file", FileParams, read=sound_file),
        cfplug.Source(
            "sound-download", read=sound_download, help="It asks the network once and remembers."
        ),
        cfplug.Source("two-rows-for-one-id", read=two_rows_for_one_id, help="A user has two rows."),
        cfplug.Source("lost-item", read=lost_item, help="An item of the ratings has no row."),
        cfplug.Source("rated-twice", read=rated_twice, help="A user rated an item twice."),
        cfplug.Source(
            "off-the-scale", read=off_the_scale, help="A rating is 0, where the scale begins at 1."
        ),
        cfplug.Source(
            "between-levels",
            read=between_levels,
            help="A rating is 2.5, where the levels are whole.",
        ),
        cfplug.Source("wrong-role", read=wrong_role, help="Words are declared to be numbers."),
        cfplug.Source("roleless", read=roleless, help="A column has no role."),
        cfplug.Source("torn-fold", read=torn_fold, help="A fold of its own loses a row."),
        cfplug.Source(
            "different-each-time",
            read=different_each_time,
            help="It draws without the recipe's seed.",
        ),
        cfplug.Source(
            "in-any-order", read=in_any_order, help="Its users stand in another order each time."
        ),
        cfplug.Source("asks-each-time", read=asks_each_time, help="It asks the network each time."),
        cfplug.Source(
            "here-alone",
            read=here_alone,
            help="Its ratings depend on the folder it is called from.",
        ),
        cfplug.Source(
            "gives-a-table", read=gives_a_table, help="It gives the table of ratings alone."
        ),
    ]


def ratings(rng):
    import pandas as pd

    pairs = [(user, item) for user in range(1, 8) for item in range(1, 5) if (user * item) % 3]
    frame = pd.DataFrame(pairs, columns=["user", "item"])
    return frame.assign(rating=rng.integers(1, 6, len(frame)).astype(float))


def built(rng):
    import pandas as pd

    users = pd.DataFrame(
        {
            "user": np.arange(1, 8),
            "town": ["Köln", "<b>Rom</b>", "Köln", None, "Rom", "Rom", "Bonn"],
        }
    )
    folds = {"a": Split(np.arange(4, 15), np.arange(4))}
    return Dataset.build(
        "small", ratings(rng), users, scale=Scale(1, 5, (1.0, 2.0, 3.0, 4.0, 5.0)), folds=folds
    )


def sound(params, context):
    return built(context.rng)


def sound_file(params, context):
    import pandas as pd

    given = [float(line) for line in params.path.read_text().split()]
    frame = pd.DataFrame(
        {
            "user": range(len(given)),
            "item": [each % 3 for each in range(len(given))],
            "rating": given,
        }
    )
    return Dataset.build(params.path.stem, frame)


def two_rows_for_one_id(params, context):
    import pandas as pd

    data = built(context.rng)
    return attrs.evolve(
        data, users=pd.concat([data.users, data.users.iloc[[2]]], ignore_index=True)
    )


def lost_item(params, context):
    data = built(context.rng)
    return attrs.evolve(data, ratings=data.ratings.assign(item=data.ratings["item"].replace(4, 40)))


def rated_twice(params, context):
    import pandas as pd

    data = built(context.rng)
    return attrs.evolve(
        data, ratings=pd.concat([data.ratings, data.ratings.iloc[[5]]], ignore_index=True), folds={}
    )


def off_the_scale(params, context):
    data = built(context.rng)
    low = data.ratings["rating"].where(data.ratings.index != 3, 0.0)
    return attrs.evolve(data, ratings=data.ratings.assign(rating=low), scale=Scale(1, 5))


def between_levels(params, context):
    data = built(context.rng)
    other = data.ratings["rating"].where(data.ratings.index != 3, 2.5)
    return attrs.evolve(data, ratings=data.ratings.assign(rating=other))


def wrong_role(params, context):
    data = built(context.rng)
    return attrs.evolve(data, roles={**data.roles, "users": {"user": "id", "town": "number"}})


def roleless(params, context):
    data = built(context.rng)
    return attrs.evolve(data, items=data.items.assign(year=1990))


def torn_fold(params, context):
    return attrs.evolve(built(context.rng), folds={"a": Split(np.arange(5, 15), np.arange(4))})


def different_each_time(params, context):
    return built(np.random.default_rng())


def in_any_order(params, context):
    data = built(context.rng)
    order = sorted(range(7), key=lambda row: hash((row, os.urandom(4))))
    return attrs.evolve(data, users=data.users.iloc[order].reset_index(drop=True))


def here_alone(params, context):
    return built(np.random.default_rng(abs(hash(os.getcwd()))))


def gives_a_table(params, context):
    return ratings(context.rng)


# A server of their own, on this machine


def _ask():
    """A line from a server that is here for this one question."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(10)
        thread = threading.Thread(target=_answer, args=(listening,), daemon=True)
        thread.start()
        with socket.create_connection(listening.getsockname(), timeout=10) as asked:
            return asked.recv(8)


def _answer(listening):
    try:
        other, _ = listening.accept()
    except OSError:
        return
    with other:
        other.sendall(b"7")


def asks_each_time(params, context):
    return built(np.random.default_rng(int(_ask())))


CACHE: dict[str, bytes] = {}


def sound_download(params, context):
    if "seed" not in CACHE:
        CACHE["seed"] = _ask()
    return built(np.random.default_rng(int(CACHE["seed"])))
