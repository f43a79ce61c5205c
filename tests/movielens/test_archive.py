"""Archives that are whole are read, all others are refused before anything of them is unpacked."""

from __future__ import annotations

import stat
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cfplug_movielens.archive import open_archive, unsafe
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cfplug import DataError

LIMIT = 10_000_000

Zipped = Callable[..., Path]

parts = st.text(
    st.characters(blacklist_characters="/\\:\0", blacklist_categories=["Cs"]), min_size=1
).filter(lambda part: part not in (".", ".."))


def refusal(path: Path, limit: int = LIMIT) -> str:
    with pytest.raises(DataError) as error:
        open_archive(path, limit)
    return str(error.value)


def with_entry(path: Path, name: str, **traits: int) -> Path:
    """Return an archive with an entry called `name` with these attributes in the directory."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fine.txt", b"fine")
        archive.writestr(zipfile.ZipInfo("placeholder"), b"\0" * 1000)
        entry = archive.infolist()[1]
        entry.filename = name
        for trait, value in traits.items():
            setattr(entry, trait, value)
    return path


@settings(deadline=None)
@given(st.lists(parts, min_size=1), st.data())
def test_any_name_with_two_dots_for_a_part_is_refused(
    names: list[str], data: st.DataObject
) -> None:
    names.insert(data.draw(st.integers(0, len(names))), "..")
    separator = data.draw(st.sampled_from("/\\"))
    assert unsafe(separator.join(names)) == "leads out of the archive"


@settings(deadline=None)
@given(
    st.lists(parts, min_size=1), st.sampled_from(["/", "\\", "//host/share/", "C:\\", "c:/", "z:"])
)
def test_any_absolute_name_is_refused(names: list[str], start: str) -> None:
    assert unsafe(start + "/".join(names)) == "is an absolute path"


@settings(deadline=None)
@given(st.lists(parts, min_size=1))
@example(["ml-100k", "u.data"])
@example(["..."])
@example(["a..b", ". ."])
def test_any_other_name_is_allowed(names: list[str]) -> None:
    assert unsafe("/".join(names)) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../etc/passwd", "leads out of the archive"),
        ("ml-100k/../../u.data", "leads out of the archive"),
        ("/etc/passwd", "is an absolute path"),
        ("C:\\Windows\\u.data", "is an absolute path"),
    ],
)
def test_an_archive_that_names_a_file_outside_itself_is_refused(
    tmp_path: Path, name: str, why: str
) -> None:
    path = with_entry(tmp_path / "bad.zip", name)
    assert refusal(path) == (
        f"{path}: {name!r} {why}; nothing was read. Get the published archive."
    )


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    path = with_entry(tmp_path / "bad.zip", "u.data", external_attr=(stat.S_IFLNK | 0o777) << 16)
    assert refusal(path) == (
        f"{path}: 'u.data' is a link or a device; nothing was read. Get the published archive."
    )


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    path = with_entry(tmp_path / "bad.zip", "u.data", flag_bits=1)
    assert refusal(path) == (
        f"{path}: 'u.data' is encrypted; nothing was read. Get the published archive."
    )


def test_an_odd_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("u.data", b"x")
    assert refusal(path) == (
        f"{path}: 'u.data' is neither stored nor deflated; nothing was read. "
        "Get the published archive."
    )


def test_ten_gigabytes_of_zeros_are_refused_unread(tmp_path: Path) -> None:
    path = with_entry(tmp_path / "bomb.zip", "ml-100k/u.data", file_size=10_000_000_000)
    assert refusal(path) == (
        f"{path}: expected at most 10 MB when unpacked, got 10,000 MB; "
        "nothing was read. Get the published archive."
    )
    assert list(tmp_path.iterdir()) == [path]


def test_zeros_that_hide_behind_a_small_size_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("u.data", b"\0" * 60_000_000)
        archive.infolist()[0].file_size = 1000
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as error:
            open_archive(path, LIMIT).fetch("u.data")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (
        str(error.value)
        == f"{path}/u.data: damaged (Bad CRC-32 for file 'u.data'). Get the archive again."
    )
    assert peak < 5_000_000


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    path = with_entry(tmp_path / "bad.zip", "fine.txt")
    assert refusal(path) == (
        f"{path}: has 2 files called fine.txt; nothing was read. Get the published archive."
    )


def test_a_truncated_archive_is_refused(zipped: Zipped, tiny: dict[str, bytes]) -> None:
    path = zipped(tiny)
    path.write_bytes(path.read_bytes()[:-100])
    assert refusal(path) == (
        f"{path}: not a complete zip archive (File is not a zip file). Get it again."
    )


def test_a_changed_byte_is_found_by_the_checksum(zipped: Zipped) -> None:
    path = zipped({})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("u.data", b"1\t2\t3\t4\n")
    path.write_bytes(path.read_bytes().replace(b"1\t2\t3\t4\n", b"1\t2\t5\t4\n"))
    with pytest.raises(DataError) as error:
        open_archive(path, LIMIT).read("u.data")
    assert (
        str(error.value)
        == f"{path}/u.data: damaged (Bad CRC-32 for file 'u.data'). Get the archive again."
    )


@settings(
    max_examples=75, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.integers(0), byte=st.integers(0, 255), cut=st.integers(0, 40))
def test_any_damage_is_a_data_error_or_harms_nothing(
    zipped: Zipped, tiny: dict[str, bytes], position: int, byte: int, cut: int
) -> None:
    path = zipped(tiny)
    content = bytearray(path.read_bytes())
    content[position % len(content)] = byte
    path.write_bytes(content[: len(content) - cut])
    try:
        archive = open_archive(path, LIMIT)
        found = {archive.fetch(name) for name in archive.names}
    except DataError:
        return
    assert found <= set(tiny.values())


def test_a_path_that_is_not_there_names_the_nearest_one(zipped: Zipped) -> None:
    path = zipped({"u.data": b""})
    assert refusal(path.with_name("ml-10k.zip")) == (
        f"{path.with_name('ml-10k.zip')}: no such archive or folder; did you mean ml-100k.zip?"
    )


def test_a_missing_file_names_the_nearest_one(zipped: Zipped) -> None:
    path = zipped({"data/ml-100k/u.data": b"", "data/ml-100k/u.items": b""})
    archive = open_archive(path, LIMIT).find("u.data")
    assert archive is not None
    with pytest.raises(DataError) as error:
        archive.read("u.item")
    assert str(error.value) == (
        f"{path}: no data/ml-100k/u.item in it; did you mean data/ml-100k/u.items?"
    )


def test_of_two_folders_the_one_nearer_the_top_is_taken(zipped: Zipped) -> None:
    archive = open_archive(zipped({"old/ml-100k/u.data": b"old", "ml-100k/u.data": b"new"}), LIMIT)
    found = archive.find("u.data")
    assert found is not None
    assert found.read("u.data").data == b"new"


def test_two_folders_at_one_depth_are_refused(zipped: Zipped) -> None:
    path = zipped({"a/u.data": b"", "b/u.data": b""})
    with pytest.raises(DataError) as error:
        open_archive(path, LIMIT).find("u.data")
    assert (
        str(error.value)
        == f"{path}: has both a/u.data and b/u.data. Give the folder of one of them."
    )


def test_names_with_backslashes_are_read_as_folders(zipped: Zipped) -> None:
    archive = open_archive(zipped({"ml-100k\\u.data": b"1"}), LIMIT).find("u.data")
    assert archive is not None
    assert archive.read("u.data").data == b"1"


@pytest.mark.parametrize("inner", [".", "ml-100k"])
def test_a_folder_is_read_like_an_archive(tmp_path: Path, inner: str) -> None:
    (tmp_path / inner).mkdir(exist_ok=True)
    (tmp_path / inner / "u.data").write_bytes(b"1\t2\t3\t4\n")
    archive = open_archive(tmp_path, LIMIT).find("u.data")
    assert archive is not None
    member = archive.read("u.data")
    assert (Path(member.place), member.data) == (tmp_path / inner / "u.data", b"1\t2\t3\t4\n")


def test_a_file_of_ten_gigabytes_in_a_folder_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "u.data").open("wb") as file:
        file.truncate(10_000_000_000)  # a hole: it takes no room on the disk
    with pytest.raises(DataError) as error:
        open_archive(tmp_path, LIMIT).read("u.data")
    assert str(error.value) == (f"{tmp_path / 'u.data'}: expected at most 10 MB, got 10,000 MB")
