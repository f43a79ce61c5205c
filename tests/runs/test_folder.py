"""The run folder: whole or not there, and opened again as data only."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pickle
import resource
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfplug.errors import ArtifactError
from cfplug.files import (
    arrays_to_bytes,
    json_text,
    read_arrays,
    read_json,
    read_text,
    sha256,
    write_bytes,
)
from cfplug.runs import folder as run_folder
from cfplug.runs.folder import RunFolder

NOON = "20260314-120000"
FILES = {"recipe.yaml": "data: ours\n", "resolved.yaml": "data: tables/csv\n"}


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder.time, "strftime", lambda form: NOON)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def failing(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Crash(BaseException):
    """The machine stops here: nothing after this runs, no clean-up either."""


@contextlib.contextmanager
def at_most(size: int) -> Iterator[None]:
    """A real limit of the system: no file may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def without_rights() -> Iterator[Path]:
    """A folder that nobody may write into: for root too, who becomes a plain user meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


# A new folder


def test_a_run_folder_appears_with_its_files_in_it(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "deep" / "runs", "pmf", FILES)
    assert folder.final == tmp_path / "deep" / "runs" / f"pmf-{NOON}"
    assert names(folder.final.parent) == {
        f"pmf-{NOON}.partial",
        f"pmf-{NOON}.partial/recipe.yaml",
        f"pmf-{NOON}.partial/resolved.yaml",
    }
    assert {name: (folder.partial / name).read_text() for name in FILES} == FILES


def test_a_folder_gets_the_rights_that_the_user_gives_to_any_folder(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        folder = RunFolder.create(tmp_path, "pmf", FILES)
    finally:
        os.umask(before)
    assert folder.partial.stat().st_mode & 0o777 == 0o750


def test_runs_of_one_second_are_numbered_whether_the_earlier_are_finished_or_not(
    tmp_path: Path,
) -> None:
    first = RunFolder.create(tmp_path, "pmf", FILES)
    second = RunFolder.create(tmp_path, "pmf", FILES)
    first.finish("checkpoints")
    third = RunFolder.create(tmp_path, "pmf", FILES)
    other = RunFolder.create(tmp_path, "bias", FILES)
    found = [folder.final.name for folder in (first, second, third, other)]
    assert found == [f"pmf-{NOON}", f"pmf-{NOON}-2", f"pmf-{NOON}-3", f"bias-{NOON}"]


def test_a_name_that_another_run_takes_at_the_same_moment_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def overtaken(path: Path, target: Path) -> Path:
        if target.name == f"pmf-{NOON}.partial":
            target.mkdir()
            (target / "theirs").touch()
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    folder = RunFolder.create(tmp_path, "pmf", FILES)
    assert folder.final.name == f"pmf-{NOON}-2"
    assert names(tmp_path / f"pmf-{NOON}.partial") == {"theirs"}


def test_finishing_drops_the_scratch_and_gives_the_final_name(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "pmf", FILES)
    folder.write("checkpoints/models/pmf.safetensors", b"old")
    folder.write("models/pmf/model.json", "{}\n")
    assert folder.finish("checkpoints") == folder.final
    assert names(tmp_path) == {
        f"pmf-{NOON}",
        *(
            f"pmf-{NOON}/{name}"
            for name in (*FILES, "models", "models/pmf", "models/pmf/model.json")
        ),
    }


def test_a_folder_is_never_called_finished_before_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder.create(tmp_path, "pmf", FILES)

    def crash(path: Path, target: Path) -> None:
        raise Crash

    monkeypatch.setattr(Path, "rename", crash)
    with pytest.raises(Crash):
        folder.finish("checkpoints")
    assert [path.name for path in tmp_path.iterdir()] == [f"pmf-{NOON}.partial"]


def test_discarding_takes_the_unfinished_folder_away(tmp_path: Path) -> None:
    RunFolder.create(tmp_path, "pmf", FILES).discard()
    assert names(tmp_path) == set()


# A stopped run


def test_a_stopped_run_is_found_by_either_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder.create(tmp_path, "pmf", FILES)
    assert RunFolder.of_partial(folder.partial) == RunFolder.of_partial(folder.final) == folder
    monkeypatch.chdir(tmp_path)
    assert RunFolder.of_partial(Path(folder.final.name)) == folder


def test_a_finished_run_cannot_be_resumed(tmp_path: Path) -> None:
    final = RunFolder.create(tmp_path, "pmf", FILES).finish("checkpoints")
    with pytest.raises(ArtifactError) as caught:
        RunFolder.of_partial(final)
    assert str(caught.value) == f"pmf-{NOON} is whole already; there is nothing to resume"


def test_a_run_that_is_not_there_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        RunFolder.of_partial(tmp_path / "pmf-1")
    assert str(caught.value) == f"{tmp_path}/pmf-1: there is no such run"


# Writing, and what may go wrong


def test_writing_replaces_a_file(tmp_path: Path) -> None:
    for data in (b"first and long", b"second"):
        write_bytes(tmp_path / "file", data)
    assert (tmp_path / "file").read_bytes() == b"second"
    assert names(tmp_path) == {"file"}


def test_a_crash_between_write_and_replace_leaves_the_old_file_whole(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"old")
    child = os.fork()
    if child == 0:  # this process dies as by a kill: no `finally` and no `except` of it runs
        Path.replace = lambda self, target: os._exit(9)  # type: ignore[assignment, misc]
        write_bytes(tmp_path / "file", b"new")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == {"file", ".file.tmp"}
    write_bytes(tmp_path / "file", b"newer")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"newer"}


def test_an_interrupted_write_leaves_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    write_bytes(tmp_path / "file", b"old")
    monkeypatch.setattr(run_folder.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "file", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}


def test_a_file_that_grows_too_large_is_a_clear_error_and_the_old_one_stays(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "pmf", FILES)
    folder.write("models/pmf/weights.safetensors", b"old")
    with pytest.raises(ArtifactError) as caught, at_most(1000):
        folder.write("models/pmf/weights.safetensors", b"x" * 1001)
    path = folder.partial / "models" / "pmf" / "weights.safetensors"
    assert str(caught.value) == f"cannot write {path}: File too large"
    assert path.read_bytes() == b"old"
    assert [each.name for each in path.parent.iterdir()] == ["weights.safetensors"]


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise failing(errno.ENOSPC)

    monkeypatch.setattr(run_folder.os, "fsync", full)
    with pytest.raises(ArtifactError) as caught:
        RunFolder.create(tmp_path / "runs", "pmf", FILES)
    assert str(caught.value) == f"cannot write {tmp_path}/runs: No space left on device"
    assert names(tmp_path) == {"runs"}


def test_a_folder_without_rights_is_a_clear_error() -> None:
    with without_rights() as folder, pytest.raises(ArtifactError) as caught:
        RunFolder.create(folder, "pmf", FILES)
    assert str(caught.value) == f"cannot write {folder}: Permission denied"


def test_a_file_of_a_folder_without_rights_is_a_clear_error() -> None:
    with without_rights() as folder:
        run = RunFolder(folder.with_name(folder.name + "-final"))
        os.symlink(folder, run.partial)
        try:
            with pytest.raises(ArtifactError) as caught:
                run.write("metrics.json", "[]\n")
            left = list(folder.iterdir())
        finally:
            run.partial.unlink()
    assert str(caught.value) == f"cannot write {run.partial}/metrics.json: Permission denied"
    assert left == []


def test_a_read_only_file_system_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(
        path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False
    ) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(ArtifactError) as caught:
        RunFolder.create(tmp_path / "runs", "pmf", FILES)
    assert str(caught.value) == f"cannot write {tmp_path}/runs: Read-only file system"


def test_a_file_where_the_folder_should_be_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ArtifactError) as caught:
        RunFolder.create(tmp_path / "runs", "pmf", FILES)
    assert str(caught.value) == f"cannot write {tmp_path}/runs: File exists"


def test_a_scratch_that_cannot_be_dropped_keeps_the_folder_unfinished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise failing(errno.EACCES)

    folder = RunFolder.create(tmp_path, "pmf", FILES)
    folder.write("checkpoints/pmf", b"old")
    monkeypatch.setattr(run_folder.shutil, "rmtree", refuse)
    with pytest.raises(ArtifactError) as caught:
        folder.finish("checkpoints")
    assert str(caught.value) == f"cannot write {folder.final}: Permission denied"
    assert not folder.final.exists()


# Text and JSON


def test_json_has_one_form_for_one_value() -> None:
    assert (
        json_text({"b": [1, 0.1], "a": "é"})
        == '{\n  "b": [\n    1,\n    0.1\n  ],\n  "a": "é"\n}\n'
    )


def test_json_holds_no_nan() -> None:
    with pytest.raises(ValueError, match=r"^Out of range float values are not JSON compliant"):
        json_text([float("nan")])


def test_a_missing_file_says_what_the_folder_is_not(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_text(tmp_path / "files.json")
    assert (
        str(caught.value) == f"{tmp_path} has no files.json; it is not a run folder, or not whole"
    )


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_bytes(b"title: \xff")
    with pytest.raises(ArtifactError) as caught:
        read_text(tmp_path / "recipe.yaml")
    assert str(caught.value) == (
        f"{tmp_path}/recipe.yaml cannot be read: 'utf-8' codec can't decode byte 0xff in "
        f"position 7: invalid start byte"
    )


@pytest.mark.parametrize("text", ['{"a": 1', "[1,]", "", "[" * 100_000])
def test_a_file_that_is_not_json_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises((json.JSONDecodeError, RecursionError)) as reason:
        json.loads(text)
    with pytest.raises(ArtifactError) as caught:
        read_json(tmp_path / "metrics.json")
    assert str(caught.value) == f"{tmp_path}/metrics.json is damaged: {reason.value}"


# Arrays

ARRAYS = hnp.arrays(
    dtype=st.sampled_from(["float32", "float64", "int32", "int64", "uint8", "bool"]),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)


@given(st.dictionaries(st.text(min_size=1, max_size=6), ARRAYS, max_size=4), st.randoms())
def test_arrays_come_back_with_their_shapes_and_bits_whatever_their_order(
    arrays: dict, random
) -> None:
    arrays.pop("__metadata__", None)
    shuffled = list(arrays.items())
    random.shuffle(shuffled)
    data = arrays_to_bytes(arrays, {"word": "é"})
    assert arrays_to_bytes(dict(shuffled), {"word": "é"}) == data
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.safetensors")
        path.write_bytes(data)
        found, words = read_arrays(path, sha256(data))
    assert words == {"word": "é"}
    assert {name: (array.dtype, array.shape, array.tobytes()) for name, array in found.items()} == {
        name: (array.dtype, array.shape, array.tobytes()) for name, array in arrays.items()
    }


def test_an_array_that_is_a_view_is_kept_by_value(tmp_path: Path) -> None:
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    (tmp_path / "file").write_bytes(arrays_to_bytes({"columns": whole[:, ::2], "turned": whole.T}))
    found, words = read_arrays(tmp_path / "file")
    assert found["columns"].tolist() == [[0, 2], [4, 6], [8, 10]]
    assert found["turned"].tolist() == whole.T.tolist()
    assert words == {}


@pytest.fixture
def weights(tmp_path: Path) -> tuple[Path, str]:
    data = arrays_to_bytes({"bias": np.arange(5.0)})
    path = tmp_path / "weights.safetensors"
    path.write_bytes(data)
    return path, sha256(data)


def other_file(path: Path, expected: str) -> str:
    found = sha256(path.read_bytes())
    return (
        f"{path} is not the file that the run wrote: its SHA-256 is {found[:12]}..., not "
        f"{expected[:12]}..."
    )


@pytest.mark.parametrize("position", [0, 20, -1])
def test_a_changed_weights_file_is_refused(weights: tuple[Path, str], position: int) -> None:
    path, expected = weights
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError) as caught:
        read_arrays(path, expected)
    assert str(caught.value) == other_file(path, expected)


def test_a_cut_weights_file_is_refused(weights: tuple[Path, str]) -> None:
    path, expected = weights
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ArtifactError) as caught:
        read_arrays(path, expected)
    assert str(caught.value) == other_file(path, expected)


def test_a_missing_weights_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_arrays(tmp_path / "weights.safetensors", "0" * 64)
    assert (
        str(caught.value)
        == f"{tmp_path}/weights.safetensors cannot be read: No such file or directory"
    )


class Trap:
    """Whoever unpickles this runs code."""

    def __reduce__(self):
        return os.mkdir, (os.environ["CFPLUG_TRAP"],)


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Trap()))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(pickle.dumps(Trap())),
        lambda path: np.save(path.open("wb"), np.array([Trap()], dtype=object), allow_pickle=True),
        archive,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff" * 40),
        lambda path: path.write_bytes(
            (100).to_bytes(8, "little") + b'{"a": {"dtype": "F64", "shape": [9]'
        ),
    ],
    ids=["pickle", "npy", "torch.save", "empty", "noise", "cut header"],
)
def test_a_file_that_is_not_safetensors_is_refused_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write
) -> None:
    monkeypatch.setenv("CFPLUG_TRAP", str(tmp_path / "sprung"))
    path = tmp_path / "weights.safetensors"
    write(path)
    with pytest.raises(ArtifactError) as caught:
        read_arrays(path)
    assert str(caught.value) == f"{path} is damaged: {caught.value.__cause__}"
    assert str(caught.value.__cause__).startswith("Error while deserializing header: ")
    assert not (tmp_path / "sprung").exists()


def test_the_trap_would_spring_where_pickles_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFPLUG_TRAP", str(tmp_path / "sprung"))
    pickle.loads(pickle.dumps(Trap()))
    assert (tmp_path / "sprung").exists()
