"""What cfplug adds to fastai's own import: everything of a run but the training, in seconds of wall time.

Both are fresh processes, taken in turn; the import includes `fastai.collab`, which is what a fastai user of
collaborative filtering imports. `make benchmark` runs it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

IMPORT = "import fastai.collab"
BUILD = """
import numpy as np
from pathlib import Path
from cfplug import read_recipe
from cfplug.components import Context
from cfplug.encoding import Catalogue
from cfplug.fitting import Task, _build
from cfplug.progress import Quiet
from cfplug.recipe import read_use
from cfplug.runner import read_data
use = read_recipe("recipes/pmf.yaml").models[0]
dataset = read_data(read_use("source", "synthetic"), teller=Quiet())
catalogue = Catalogue.of(dataset)
catalogue.interactions(dataset.ratings, np.arange(1000))
_build(use, catalogue, dataset.scale, 0)
"""


def seconds(code: str) -> float:
    """Wall seconds of a fresh Python that runs `code`."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def main(rounds: int = 5) -> None:
    """The median of each, and of their difference round by round."""
    seconds(IMPORT), seconds(BUILD)  # so that both find their files in the system's cache
    pairs = [(seconds(IMPORT), seconds(BUILD)) for _ in range(rounds)]
    imports, builds = zip(*pairs, strict=True)
    added = statistics.median(build - alone for alone, build in pairs)
    print(f"import fastai.collab: {statistics.median(imports):.2f} s")
    print(f"import cfplug, check the recipe, read data, build the model: {statistics.median(builds):.2f} s")
    print(f"difference: {added:+.2f} s (to stay under +1 s)")


if __name__ == "__main__":
    main()
