"""Measure the seconds of wall time before anything is done, in fresh processes.

First what cfplug adds to fastai's own import: everything of a run but the training. The import
includes `fastai.collab`, which is what a fastai user of collaborative filtering imports. Then the
commands that answer at once, with cfplug's own plugins alone and with fifty more: real
distributions with a README, requirements, an entry point and a manifest of two components each, in
a folder on the path. `make benchmark` runs it.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from attrs import frozen

IMPORT = "import fastai.collab"
BUILD = """
import numpy as np
from pathlib import Path
from cfplug import read_recipe
from cfplug.plugin.components import Context
from cfplug.data.catalogue import Catalogue
from cfplug.training.fit import Task, _build
from cfplug.progress import Quiet
from cfplug.recipe.parser import read_use
from cfplug.runs.runner import read_data
use = read_recipe("recipes/pmf.yaml").models[0]
dataset = read_data(read_use("source", "synthetic"), reporter=Quiet())
catalogue = Catalogue.of(dataset)
catalogue.interactions(dataset.ratings, np.arange(1000))
_build(use, catalogue, dataset.scale, 0)
"""

PLUGINS = 50
COMMANDS = ("--help", "list models", "plugins")
CALL = "import sys; from cfplug.cli.main import main; main(sys.argv[1:])"

MANIFEST = '''"""Plugin number {0}."""

import cfplug
from attrs import frozen


@frozen
class Nearest:
    """Neighbours of an item, by the cosine of their ratings."""

    neighbors: int = cfplug.param(20, at_least=1, help="how many neighbours take part")
    shrinkage: float = cfplug.param(
        10.0, at_least=0, unit="ratings", help="pull of a likeness towards nothing"
    )
    centred: bool = cfplug.param(True, help="whether means are taken off first")


@frozen
class Doubtful:
    """Squared error that forgives the first half star."""

    margin: float = cfplug.param(0.5, at_least=0, help="what is forgiven")


@cfplug.hookimpl
def cfplug_models():
    module = "cfplug_bee_{0}.near"
    return [
        cfplug.Model("nearest-{0}", Nearest, fit=module + ":fit", restore=module + ":restore")
    ]


@cfplug.hookimpl
def cfplug_losses():
    return [cfplug.Loss("doubtful-{0}", Doubtful, build="cfplug_bee_{0}.doubt:build")]
'''

METADATA = """Metadata-Version: 2.1
Name: cfplug-bee-{0}
Version: 1.{0}
Summary: Plugin number {0}
Requires-Python: >=3.11
Requires-Dist: cfplug>=0.1
Requires-Dist: attrs>=24.2
Requires-Dist: scipy>=1.13
Description-Content-Type: text/markdown

"""


def install(site: Path, count: int = PLUGINS) -> None:
    """Leave in `site` what an installer leaves of `count` plugins."""
    for number in range(count):
        package, info = (
            site / f"cfplug_bee_{number}",
            site / f"cfplug_bee_{number}-1.{number}.dist-info",
        )
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(MANIFEST.format(number))
        info.mkdir()
        (info / "METADATA").write_text(METADATA.format(number) + "A line of its README.\n" * 200)
        (info / "entry_points.txt").write_text(f"[cfplug]\nbee-{number} = cfplug_bee_{number}\n")


def seconds(
    code: str, *arguments: str, variables: Mapping[str, str] = MappingProxyType({})
) -> tuple[float, float]:
    """Seconds of a fresh Python that runs `code`: of wall time, and of the processor."""
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    call = [sys.executable, "-c", code, *arguments]
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(call, check=True, env={**environment, **variables}, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def of_a_run(rounds: int) -> None:
    """The median of each, and of their difference round by round."""
    seconds(IMPORT), seconds(BUILD)  # so that both find their files in the system's cache
    pairs = [(seconds(IMPORT)[0], seconds(BUILD)[0]) for _ in range(rounds)]
    imports, builds = zip(*pairs, strict=True)
    added = statistics.median(build - alone for alone, build in pairs)
    print(f"import fastai.collab: {statistics.median(imports):.2f} s")
    print(
        "import cfplug, check the recipe, read data, build the model: "
        f"{statistics.median(builds):.2f} s"
    )
    print(f"difference: {added:+.2f} s (to stay under +1 s)")


@frozen
class Contestant:
    """A fresh Python with this code, these arguments and these variables of its own."""

    name: str
    code: str
    words: tuple[str, ...]
    variables: Mapping[str, str]

    def run(self) -> tuple[float, float]:
        return seconds(self.code, *self.words, variables=self.variables)


def contestants(folder: Path) -> list[Contestant]:
    """A Python that does nothing, and each command, alone and with fifty plugins more."""
    install(folder / "site")
    alone = {
        "PYTHONPYCACHEPREFIX": str(folder / "compiled")
    }  # compiled, as an installer leaves them
    fifty = {**alone, "PYTHONPATH": str(folder / "site")}
    found = [Contestant("a Python that does nothing", "pass", (), alone)]
    for command in COMMANDS:
        words = tuple(command.split())
        found.append(Contestant(f"cfplug {command}", CALL, words, alone))
        found.append(
            Contestant(f"cfplug {command}, with {PLUGINS} plugins more", CALL, words, fifty)
        )
    return found


def of_commands(rounds: int) -> None:
    """The median of each, all of them in turn."""
    with tempfile.TemporaryDirectory() as folder:
        every = contestants(Path(folder))
        times = [[each.run() for each in every] for _ in range(rounds + 1)][
            1:
        ]  # the first round compiles
    medians = [
        tuple(map(statistics.median, zip(*its_times, strict=True)))
        for its_times in zip(*times, strict=True)
    ]
    for each, (wall, processor) in zip(every, medians, strict=True):
        ratio = processor / medians[0][1]
        print(f"{each.name}: {wall:.2f} s (at most 0.5 s), {processor:.2f} CPU s, {ratio:.0f} x")


def main(rounds: int = 5) -> None:
    of_commands(2 * rounds)
    of_a_run(rounds)


if __name__ == "__main__":
    main()
