from pathlib import Path

from attrs import frozen

import cfplug
from cfplug.data.dataset import REPEATS, merge_repeats


@frozen
class Shop:
    """Ratings from the shop's export: customer, product and stars, and a table of products."""

    orders: Path = cfplug.param(help="a CSV file with the columns customer, product and stars")
    products: Path | None = cfplug.param(
        None, help="a CSV file with the columns product, name and price"
    )
    repeats: str = cfplug.param(
        "last", choices=REPEATS, help="what to do with a pair that is rated twice"
    )


def read(params, context):
    import pandas as pd

    columns = {"customer": "user", "product": "item", "stars": "rating"}
    ratings = pd.read_csv(params.orders).rename(columns=columns)
    items, roles = None, None
    if params.products is not None:
        items = pd.read_csv(params.products).rename(columns=columns)
        roles = {"items": {"name": "label", "price": "number"}}
    ratings, merged = merge_repeats(ratings, params.repeats)
    return cfplug.Dataset.build(
        "shop",
        ratings,
        items=items,
        roles=roles,
        scale=cfplug.Scale(1, 5, (1, 2, 3, 4, 5)),
        notes=[f"{merged} repeated ratings were merged"] if merged else [],
    )


@cfplug.hookimpl
def cfplug_sources():
    return [cfplug.Source("shop", Shop, read=read)]
