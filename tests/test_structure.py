"""The plan of the house: who may import whom, what is public, and what is loaded when."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

import cfplug

CORE = Path(cfplug.__file__).parent
PLUGINS = CORE.parent / "plugins"

PUBLIC_MODULES = (
    "cfplug.data.dataset",
    "cfplug.data.features",
    "cfplug.data.groups",
    "cfplug.errors",
    "cfplug.params",
    "cfplug.plugin.hookspecs",
    "cfplug.prediction.evidence",
    "cfplug.prediction.explanation",
    "cfplug.prediction.vectors",
    "cfplug.report.elements",
    "cfplug.stats",
    "cfplug.training.features",
)
"""What a plugin may import from, besides `cfplug` itself."""

MOST_PUBLIC_NAMES = 35

VAGUE = ("utils", "util", "base", "common", "types", "helpers", "misc")


@frozen
class Import:
    """One import: its place, the module, and the names it takes (empty: the module itself)."""

    file: Path
    line: int
    module: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line} imports {self.module} {', '.join(self.names)}".strip()


def imports(file: Path, *, late: bool = True) -> Iterator[Import]:
    """Every import of a file: at its top, under TYPE_CHECKING and, if `late`, in functions."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = {id(inner) for node in functions if not late for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: write the whole name of the package"
            yield Import(
                file, node.lineno, str(node.module), tuple(alias.name for alias in node.names)
            )


def core_files() -> list[Path]:
    """Every file of the core except the facade, which re-exports names from all packages."""
    return sorted(file for file in CORE.rglob("*.py") if file != CORE / "__init__.py")


def plugin_files() -> list[Path]:
    return sorted(PLUGINS.glob("cfplug_*/**/*.py"))


def test_packages_import_in_the_order_of_the_contract() -> None:
    linter = str(Path(sys.executable).with_name("lint-imports"))
    done = subprocess.run([linter], cwd=CORE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_core_never_imports_its_own_facade() -> None:
    facade = [each for file in core_files() for each in imports(file) if each.module == "cfplug"]
    assert [str(each) for each in facade if set(each.names) & set(cfplug.__all__)] == []


def test_init_files_of_packages_are_empty() -> None:
    packages = [
        file for file in core_files() if file.name == "__init__.py" and file.parent.parent == CORE
    ]
    full = [file.parent.name for file in packages if file.read_text(encoding="utf-8").strip()]
    assert full == ["testing"]


def test_the_core_imports_no_plugin_and_no_test() -> None:
    for file in CORE.rglob("*.py"):
        for each in imports(file):
            assert (
                not each.module.startswith(("cfplug_", "tests", "pytest"))
                or "testing" in file.parts
            ), str(each)


def test_a_plugin_imports_only_public_names_of_cfplug_and_its_own_package() -> None:
    assert plugin_files(), "no plugin was found; this test looks at none"
    for file in plugin_files():
        package = file.relative_to(PLUGINS).parts[0]
        for each in imports(file):
            root = each.module.split(".")[0]
            if each.module == "cfplug":
                assert set(each.names) <= set(cfplug.__all__), str(each)
            elif root == "cfplug":
                assert each.module in PUBLIC_MODULES, f"{each}: this module is not public"
            elif root.startswith("cfplug_"):
                assert root == package, f"{each}: a plugin knows no other plugin"


def test_a_plugin_asks_cfplug_only_for_public_names() -> None:
    for file in plugin_files():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "cfplug"
            ):
                assert node.attr in cfplug.__all__, (
                    f"{file.name}:{node.lineno}: cfplug.{node.attr} is not public"
                )


def test_a_manifest_imports_only_attrs_cfplug_and_the_standard_library() -> None:
    manifests = [
        file
        for file in plugin_files()
        if file.name == "__init__.py" and file.parent.parent == PLUGINS
    ]
    assert manifests
    for file in manifests:
        for each in imports(file, late=False):
            root = each.module.split(".")[0]
            assert root in {"attrs", "cfplug", *sys.stdlib_module_names}, (
                f"{each}: a manifest imports nothing heavy"
            )


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [file for file in [*CORE.rglob("*.py"), *plugin_files()] if file.stem in VAGUE]
    assert vague == []


def test_every_public_name_exists_and_is_listed_once() -> None:
    assert len(cfplug.__all__) <= MOST_PUBLIC_NAMES
    assert len(set(cfplug.__all__)) == len(cfplug.__all__)
    for name in cfplug.__all__:
        assert getattr(cfplug, name) is not None
    assert dir(cfplug) == sorted(cfplug.__all__)


def test_an_unknown_public_name_names_the_nearest_one() -> None:
    with pytest.raises(AttributeError) as caught:
        cfplug.Datset  # noqa: B018
    assert str(caught.value) == "module 'cfplug' has no attribute 'Datset'; did you mean Dataset?"


# What is loaded when

HEAVY = (
    "torch",
    "fastai",
    "pandas",
    "numpy",
    "pyarrow",
    "sklearn",
    "scipy",
    "jinja2",
    "safetensors",
    "altair",
)

LIGHT_COMMANDS = (
    ["--help"],
    ["--version"],
    ["run", "--help"],
    ["check", "pmf"],
    ["check", "pmf", "--json", "--set", "models.0.factors=20"],
    ["check", "pmf", "--set", "models.0.factors=no"],
    ["list", "models"],
    ["list", "cold-starts", "--json"],
    ["describe", "model", "pmf"],
    ["describe", "source", "csv", "--json"],
    ["find-rate", "--help"],
    ["plugins"],
    ["plugins", "--json"],
    ["plugins", "factors"],
    ["schema"],
    ["new", "--help"],
    ["check-plugin", "--help"],
    ["doctor"],
    ["recipes", "list"],
    ["recipes", "show", "pmf"],
    ["data", "list"],
)

COMPLETIONS = (
    "cfplug ",
    "cfplug de",
    "cfplug describe model ",
    "cfplug list ",
    "cfplug data show ",
    "cfplug run p",
)

LOOK = """
import contextlib, io, json, os, sys
heavy, commands, completions = json.loads(sys.argv[1])
told = {}

def look(name, answer=""):
    told[name] = {"loaded": [each for each in heavy if each in sys.modules], "answer": answer}

import cfplug
look("import cfplug")
from cfplug.cli.main import main
look("import cfplug.cli.main")
def call(name, arguments, **variables):
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    os.environ.update(variables)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        try:
            main(arguments, prog_name="cfplug")
        except SystemExit as left:
            code = left.code
    look(name, out.buffer.getvalue().decode())
    told[name]["code"] = code
for arguments in commands:
    call(" ".join(arguments), arguments)
for line in completions:
    asked = {"_CFPLUG_COMPLETE": "bash_complete", "COMP_WORDS": line}
    asked["COMP_CWORD"] = str(line.count(" "))
    call(f"completion of {line!r}", [], **asked)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def looked() -> dict[str, dict[str, object]]:
    """What every light command loaded and answered, in one fresh interpreter."""
    call = [sys.executable, "-c", LOOK, json.dumps([HEAVY, LIGHT_COMMANDS, COMPLETIONS])]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    message: dict[str, dict[str, object]] = json.loads(done.stdout)
    return message


def test_importing_cfplug_and_every_light_command_load_nothing_heavy(
    looked: dict[str, dict[str, object]],
) -> None:
    assert len(looked) == 2 + len(LIGHT_COMMANDS) + len(COMPLETIONS)
    assert {name: message["loaded"] for name, message in looked.items() if message["loaded"]} == {}


def test_the_light_commands_did_their_work_while_they_were_watched(
    looked: dict[str, dict[str, object]],
) -> None:
    codes = {name: message.get("code") for name, message in looked.items() if message.get("code")}
    assert codes == {"check pmf --set models.0.factors=no": 2}
    assert "dot-product" in str(looked["list models"]["answer"])
    assert "title: PMF on MovieLens 100K" in str(looked["recipes show pmf"]["answer"])


def completed(looked: dict[str, dict[str, object]], line: str) -> list[str]:
    answer = str(looked[f"completion of {line!r}"]["answer"])
    return [line.partition(",")[2] for line in answer.splitlines() if line.startswith("plain,")]


def test_the_shell_completes_commands_kinds_components_sources_and_recipes(
    looked: dict[str, dict[str, object]],
) -> None:
    assert completed(looked, "cfplug de") == ["describe"]
    assert {"run", "check", "recommend"} <= set(completed(looked, "cfplug "))
    assert {"bias", "dot-product", "mean", "pmf"} <= set(
        completed(looked, "cfplug describe model ")
    )
    assert completed(looked, "cfplug list ") == [
        "sources",
        "splits",
        "models",
        "losses",
        "metrics",
        "cold-starts",
        "analyzers",
    ]
    assert {"csv", "movielens-100k", "synthetic"} <= set(completed(looked, "cfplug data show "))
    assert "pmf" in completed(looked, "cfplug run p")
