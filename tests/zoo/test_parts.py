"""Every broken component of zoo/parts ends a whole small run with the error meant for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import frozen

import cfplug
from cfplug.errors import CapabilityError, TrainingError
from cfplug.plugin.registry import Registry, load
from cfplug.progress import Quiet
from cfplug.recipe.parser import read_recipe

PARTS = Path(__file__).parent / "parts"
MODULES = Path(__file__).parent / "modules"

GRADIENT = """\
data: {use: synthetic, users: 30, items: 17, ratings: 200}
models: [{use: pmf, factors: 3}]
train: {epochs: 1}
metrics: [mae]
unknown: global-mean
device: cpu
"""
NEWCOMERS = GRADIENT.replace(
    "unknown: global-mean", "split: {use: cold-users, folds: 3, support: 3}"
)
FITS_ITSELF = GRADIENT.replace("{use: pmf, factors: 3}", "mean").replace("train: {epochs: 1}\n", "")


@frozen
class Caught:
    """How a run with a broken component ends: error, text, step, and the component in the note.

    `key` is the key of the recipe that names it.
    """

    key: str
    name: str
    error: type[BaseException]
    text: str
    step: str
    blamed: str = ""

    def __str__(self) -> str:
        return self.name.partition("/")[2]


CAUGHT = [
    # Sources
    Caught(
        "data",
        "zoo-sources/tableless",
        cfplug.PluginError,
        "read gave DataFrame, not a Dataset",
        "read",
    ),
    Caught("data", "zoo-sources/unreadable", OSError, "the server does not answer", "read"),
    Caught(
        "data",
        "zoo-sources/exiting",
        cfplug.PluginError,
        "the component called sys.exit(0); raise an exception instead",
        "read",
    ),
    # Splits
    Caught(
        "split", "zoo-splits/losing", cfplug.DataError, "row 199: the split loses 1 rows", "split"
    ),
    Caught(
        "split",
        "zoo-splits/sharing",
        cfplug.DataError,
        "row 4: the split uses 1 rows twice",
        "split",
    ),
    Caught(
        "split",
        "zoo-splits/greedy",
        cfplug.DataError,
        "the split leaves no ratings to valid; it has 200 in all",
        "split",
    ),
    Caught(
        "split",
        "zoo-splits/outside",
        cfplug.DataError,
        "the split's valid part names a row outside 0 to 199",
        "split",
    ),
    Caught(
        "split", "zoo-splits/tupled", cfplug.PluginError, "split gave tuple, not a Split", "split"
    ),
    Caught(
        "split",
        "zoo-splits/masked",
        cfplug.DataError,
        "the split's train part must be row numbers of shape (n,); is bool of shape (200,)",
        "split",
    ),
    Caught(
        "split",
        "zoo-splits/fractional",
        cfplug.DataError,
        "the split's train part must be row numbers of shape (n,); is float64 of shape (150,)",
        "split",
    ),
    # Models that learn by gradient
    Caught(
        "models",
        "zoo-models/wide",
        cfplug.PluginError,
        "forward gave outputs of shape (64, 2); expected (64, 1)",
        "train",
    ),
    Caught(
        "models",
        "zoo-models/flat",
        cfplug.PluginError,
        "forward gave outputs of shape (64,); expected (64, 1)",
        "train",
    ),
    Caught(
        "models",
        "zoo-models/exploding",
        TrainingError,
        "exploding: the training loss became nan in epoch 1, step 1 of 3, at learning rate 0.0002; "
        "a lower train.learning_rate may help",
        "train",
    ),
    Caught("models", "zoo-models/raising", IndexError, "index 7 is out of range", "train"),
    Caught("models", "zoo-models/unbuildable", ArithmeticError, "30 users are too many", "train"),
    Caught(
        "models",
        "zoo-models/bodiless",
        cfplug.PluginError,
        "zoo-models/bodiless: build gave NoneType, not a torch.nn.Module",
        "train",
    ),
    # Models that fit themselves
    Caught("models", "zoo-models/fitless", ArithmeticError, "the matrix is singular", "train"),
    Caught(
        "models",
        "zoo-models/empty",
        cfplug.PluginError,
        "fit gave NoneType, which has no predict",
        "train",
    ),
    Caught(
        "models",
        "zoo-models/stateless",
        cfplug.PluginError,
        "fit gave Stateless, which has no state",
        "train",
    ),
    Caught(
        "models",
        "zoo-models/boastful",
        cfplug.PluginError,
        "fit gave Constant, which has no biases",
        "train",
    ),
    Caught(
        "models",
        "zoo-models/listed",
        cfplug.PluginError,
        "zoo-models/listed: state() gives arrays of numbers by name; rating is not one",
        "train",
    ),
    Caught(
        "models",
        "zoo-models/unlisted",
        cfplug.PluginError,
        "zoo-models/unlisted: state() gives arrays of numbers by name; it gave a list",
        "train",
    ),
    Caught(
        "models",
        "zoo-models/nan",
        cfplug.PluginError,
        "zoo-models/nan: 18 of 36 ratings are not finite numbers",
        "predict",
    ),
    Caught(
        "models",
        "zoo-models/short",
        cfplug.PluginError,
        "zoo-models/short: expected ratings of shape (36,), got (35,)",
        "predict",
    ),
    Caught(
        "models",
        "zoo-models/column",
        cfplug.PluginError,
        "zoo-models/column: expected ratings of shape (36,), got (36, 1)",
        "predict",
    ),
    Caught(
        "models",
        "zoo-models/wordy",
        cfplug.PluginError,
        "zoo-models/wordy: ratings must be numbers; got an array of <U5",
        "predict",
    ),
    # Losses
    Caught(
        "loss",
        "zoo-losses/bodiless-loss",
        cfplug.PluginError,
        "zoo-losses/bodiless-loss: build gave NoneType, not a torch.nn.Module",
        "train",
        "factors/pmf",
    ),
    Caught(
        "loss",
        "zoo-losses/outputless",
        cfplug.PluginError,
        "zoo-losses/outputless: n_outputs must be a whole number above 0; is None",
        "train",
        "factors/pmf",
    ),
    Caught(
        "loss",
        "zoo-losses/undecodable",
        cfplug.PluginError,
        "zoo-losses/undecodable: build gave Head, which has no decode",
        "train",
        "factors/pmf",
    ),
    Caught(
        "loss",
        "zoo-losses/vectorial",
        cfplug.PluginError,
        "zoo-losses/vectorial: loss gave a tensor of shape (64,); expected one number, of shape ()",
        "train",
        "factors/pmf",
    ),
    # Metrics
    Caught(
        "metrics",
        "zoo-metrics/raising-metric",
        ZeroDivisionError,
        "no rating is above the threshold",
        "score",
    ),
    Caught(
        "metrics",
        "zoo-metrics/nan-metric",
        cfplug.PluginError,
        "score gave nan; a metric is a finite number",
        "score",
    ),
    Caught(
        "metrics",
        "zoo-metrics/wordy-metric",
        cfplug.PluginError,
        "score gave a str; a metric is a finite number",
        "score",
    ),
    Caught(
        "metrics",
        "zoo-metrics/rowwise-metric",
        cfplug.PluginError,
        "score gave a ndarray; a metric is a finite number",
        "score",
    ),
    Caught(
        "metrics",
        "zoo-metrics/greedy-metric",
        ValueError,
        "assignment destination is read-only",
        "score",
    ),
    # Cold starts
    Caught(
        "unknown",
        "zoo-cold-starts/raising-start",
        LookupError,
        "no newcomer has an age",
        "predict",
        "factors/pmf",
    ),
    Caught(
        "unknown",
        "zoo-cold-starts/short-start",
        cfplug.PluginError,
        "short-start: expected ratings of shape (4,), got (3,)",
        "predict",
        "factors/pmf",
    ),
    Caught(
        "unknown",
        "zoo-cold-starts/empty-start",
        cfplug.PluginError,
        "adapt gave NoneType, which has no predict",
        "predict",
        "factors/pmf",
    ),
    Caught(
        "unknown",
        "zoo-cold-starts/one-origin",
        cfplug.PluginError,
        "one-origin: expected origins of shape (4,), got ()",
        "predict",
        "factors/pmf",
    ),
    Caught(
        "unknown",
        "zoo-cold-starts/numbered-origins",
        cfplug.PluginError,
        "numbered-origins: an origin must be a text; got 0",
        "predict",
        "factors/pmf",
    ),
    Caught(
        "unknown",
        "zoo-cold-starts/column-deviation",
        cfplug.PluginError,
        "column-deviation: expected deviations of shape (4,), got (4, 1)",
        "predict",
        "factors/pmf",
    ),
    Caught(
        "unknown",
        "zoo-cold-starts/negative-deviation",
        cfplug.PluginError,
        "negative-deviation: 2 of 4 deviations are not finite numbers of at least 0",
        "predict",
        "factors/pmf",
    ),
    Caught(
        "unknown",
        "zoo-cold-starts/nan-deviation",
        cfplug.PluginError,
        "nan-deviation: 4 of 4 deviations are not finite numbers of at least 0",
        "predict",
        "factors/pmf",
    ),
    Caught(
        "cold_starts",
        "zoo-cold-starts/repeating",
        cfplug.PluginError,
        "the interview asks about 1 again",
        "cold-start",
    ),
    Caught(
        "cold_starts",
        "zoo-cold-starts/inventing",
        cfplug.PluginError,
        "the interview asks about 1000, which has no training rating",
        "cold-start",
    ),
    Caught(
        "cold_starts",
        "zoo-cold-starts/speechless",
        cfplug.PluginError,
        "ask gave list, which has no next",
        "cold-start",
    ),
    # Analyzers
    Caught(
        "analyzers", "zoo-analyzers/raising-analyzer", LookupError, "no item has a year", "analyze"
    ),
    Caught(
        "analyzers",
        "zoo-analyzers/wordy-analyzer",
        cfplug.PluginError,
        "analyze: expected a Section, got str",
        "analyze",
    ),
    Caught(
        "analyzers",
        "zoo-analyzers/ragged-analyzer",
        ValueError,
        "row 0: expected 2 cells, one for each column, got 3",
        "analyze",
    ),
    Caught(
        "analyzers",
        "zoo-analyzers/asking",
        CapabilityError,
        "mean (factors/mean) has no biases",
        "analyze",
    ),
    # Functions that cannot be had
    Caught(
        "metrics",
        "zoo-missing/moduleless",
        cfplug.PluginError,
        "moduleless: score='zoo_nowhere.scores:best': no module called zoo_nowhere",
        "score",
    ),
    Caught(
        "metrics",
        "zoo-missing/functionless",
        cfplug.PluginError,
        "functionless: score='zoo_metrics:rasing': zoo_metrics has no function called rasing; "
        "did you mean raising?",
        "score",
    ),
    Caught(
        "metrics",
        "zoo-missing/constant",
        cfplug.PluginError,
        "constant: score='zoo_missing:LIMIT': zoo_missing.LIMIT must be a function; got 4",
        "score",
    ),
    Caught(
        "metrics",
        "zoo-missing/packageless",
        cfplug.PluginError,
        "packageless: score='zoo_needing:score': no module called a_package_that_nobody_has "
        "(python -m pip install a_package_that_nobody_has)",
        "score",
    ),
    Caught(
        "metrics",
        "zoo-missing/unimportable",
        cfplug.PluginError,
        "unimportable: score='zoo_raising:score': importing zoo_raising raised KeyError: 'fast'",
        "score",
    ),
    Caught(
        "metrics",
        "zoo-missing/leaving",
        cfplug.PluginError,
        "leaving: score='zoo_leaving:score': importing zoo_leaving raised SystemExit: "
        "this module is a script",
        "score",
    ),
    Caught(
        "metrics",
        "zoo-missing/swapped",
        cfplug.PluginError,
        "score: swapped takes (params, prediction, truth); expected (params, truth, prediction)",
        "score",
    ),
]


LISTED = ("models", "metrics", "analyzers", "cold_starts")
"""The keys of a recipe that name several components."""

RAISED_BY_THE_COMPONENT = (OSError, IndexError, ArithmeticError, ZeroDivisionError, LookupError)
"""Errors that the components themselves raise, with their tracebacks."""


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the modules importable that some components name."""
    monkeypatch.syspath_prepend(MODULES)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load([PARTS])


def recipe_with(case: Caught, registry: Registry) -> str:
    """Return a valid recipe with this component on line 7."""
    kind = {"data": "source", "models": "model"}.get(case.key)
    component = registry.find(kind, case.name).component if kind else None
    fits = case.name == "zoo-analyzers/asking" or getattr(component, "fit", None) is not None
    usual = NEWCOMERS if case.key == "cold_starts" else GRADIENT
    lines = (FITS_ITSELF if fits else usual).splitlines()
    kept = [line for line in lines if not line.startswith(f"{case.key}:")]
    listed = case.key in LISTED
    value = f"[{case.name}]" if listed else case.name
    return "\n".join([*kept, *["#"] * (6 - len(kept)), f"{case.key}: {value}", ""])


def identity(case: Caught, recipe: Path) -> str:
    """Return the component, its plugin and its place in the recipe, as a note names them."""
    plugin = case.name.partition("/")[0]
    column = len(f"{case.key}: ") + 1 + (case.key in LISTED)
    file = PARTS / f"{plugin.replace('-', '_')}.py"
    return f"{case.name} of plugin {plugin} ({file}), {recipe}:7:{column}"


def test_the_table_has_every_component(registry: Registry) -> None:
    declared = {
        f"{plugin.name}/{component.name}"
        for plugin in registry.plugins
        if plugin.distribution.startswith(str(PARTS))
        for _, component in plugin.components
    }
    assert declared == {case.name for case in CAUGHT}


@pytest.mark.parametrize("case", CAUGHT, ids=str)
def test_recipe_with_a_broken_component_is_read_without_running_it(
    case: Caught, registry: Registry, tmp_path: Path
) -> None:
    recipe = tmp_path / "zoo.yaml"
    recipe.write_text(recipe_with(case, registry))
    assert case.name in read_recipe(recipe, registry=registry).resolved()


@pytest.mark.parametrize("case", [each for each in CAUGHT if each.key != "analyzers"], ids=str)
def test_broken_component_is_named_with_its_plugin_and_line(
    case: Caught, registry: Registry, tmp_path: Path
) -> None:
    recipe = tmp_path / "zoo.yaml"
    recipe.write_text(recipe_with(case, registry))
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        cfplug.run(recipe, out=tmp_path / "runs", plugins_dir=[PARTS], reporter=Quiet())
    assert (type(caught.value), str(caught.value)) == (case.error, case.text)
    notes = caught.value.__notes__
    step = f"in step {case.step}: {case.blamed or case.name} of plugin "
    assert any(note.startswith(step) for note in notes)
    assert case.name in case.text or any(identity(case, recipe) in note for note in notes)
    assert not [
        path for path in (tmp_path / "runs").iterdir() if not path.name.endswith(".partial")
    ]
    if case.error in RAISED_BY_THE_COMPONENT:
        assert PARTS in [Path(entry.path).parent for entry in caught.traceback]


@pytest.mark.parametrize("case", [each for each in CAUGHT if each.key == "analyzers"], ids=str)
def test_broken_analyzer_is_named_in_the_place_of_its_section(
    case: Caught, registry: Registry, tmp_path: Path
) -> None:
    recipe = tmp_path / "zoo.yaml"
    recipe.write_text(
        recipe_with(case, registry).replace(case.name, f"{case.name}, learning-curve")
    )
    words = Words()
    made = cfplug.run(recipe, out=tmp_path / "runs", plugins_dir=[PARTS], reporter=words)
    broken, sound = made.sections
    line = f"{identity(case, recipe)}, failed: {case.error.__name__}: {case.text}"
    assert (broken.title, broken.text) == (f"{broken.analyzer} of {made.model.name}", (line,))
    assert sound.analyzer == "learning-curve"
    assert "failed" not in str(sound)
    (warning,) = [text for text in words.said if text.startswith("warning: ")]
    assert warning.startswith(f"warning: {line}\nTraceback (most recent call last):\n")
    assert (f'File "{PARTS}' in warning) == (
        case.error in (LookupError, ValueError, CapabilityError)
    )


class Words(Quiet):
    """Keeps the messages."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)
