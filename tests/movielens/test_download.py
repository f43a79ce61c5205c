"""The cache comes first, then the official archive, then the wheel; no bad file is kept."""

from __future__ import annotations

import hashlib
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import attrs
import pytest
from cfplug_movielens import download
from cfplug_movielens.cache import cache_folder, find, keep
from cfplug_movielens.releases import ML_SMALL_2016, Release, Wheel
from cfplug_movielens.wheel import fetch

import cfplug
from cfplug.errors import DownloadError

WAITING = "another process is filling the cache; waiting for it"


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    """A wheel that pip finds in a folder, with no index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "tiny_ratings-1.0-py3-none-any.whl"
    record = "tiny_ratings-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_ratings/ml-100k.inter", "1\t1\t1\t1\n")
        archive.writestr(
            f"{record}/METADATA", "Metadata-Version: 2.1\nName: tiny-ratings\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{record}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{record}/RECORD", "")
    return Wheel(
        requirement="tiny-ratings==1.0",
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        options=("--no-index", "--find-links", str(folder)),
    )


def failure(release: Release, context: cfplug.Context) -> str:
    with pytest.raises(DownloadError) as error:
        download.obtain(release, context)
    return str(error.value)


def advice(release: Release) -> str:
    return (
        "Connect to the network and run again (a broken download is resumed); or get "
        f"{release.url} on another machine and set path: tiny.zip (an archive or a folder); "
        "or set CFPLUG_CACHE to a folder that can be written."
    )


def test_the_official_archive_is_fetched_once_and_comes_from_the_cache_then(
    release: Release, cache: Path, context: cfplug.Context, server: Any, said: list[str]
) -> None:
    assert download.obtain(release, context) == cache / "tiny.zip"
    assert (cache / "tiny.zip").read_bytes() == server.content
    assert said == [
        f"movielens-tiny: not in the cache ({cache})",
        f"movielens-tiny: trying the official archive, {release.url}",
        f"movielens-tiny: got it, with the right hash; kept as {cache / 'tiny.zip'}",
    ]
    said.clear()
    assert download.obtain(release, context) == cache / "tiny.zip"
    assert said == [f"movielens-tiny: from the cache, {cache / 'tiny.zip'}"]
    assert len(server.asked) == 1


def test_a_cached_archive_that_was_changed_is_removed_and_fetched_again(
    release: Release, cache: Path, context: cfplug.Context, server: Any, said: list[str]
) -> None:
    cache.mkdir(parents=True)
    (cache / "tiny.zip").write_bytes(server.content[:-1] + b"x")
    download.obtain(release, context)
    assert (cache / "tiny.zip").read_bytes() == server.content
    assert said[0] == (
        f"{cache / 'tiny.zip'} differs from the published file (another hash), so it was removed"
    )


def test_the_wheel_is_fetched_by_pip_where_the_archive_cannot_be_had(
    release: Release,
    wheel: Wheel,
    cache: Path,
    context: cfplug.Context,
    server: Any,
    said: list[str],
) -> None:
    server.status = 404
    both = attrs.evolve(release, wheel=wheel)
    assert download.obtain(both, context) == cache / wheel.file
    assert said == [
        f"movielens-tiny: not in the cache ({cache})",
        f"movielens-tiny: trying the official archive, {release.url}",
        "movielens-tiny: that failed: the server answered 404 Not Found",
        "movielens-tiny: trying the wheel of tiny-ratings==1.0, by pip",
        f"movielens-tiny: got it, with the right hash; kept as {cache / wheel.file}",
    ]
    assert sorted(path.name for path in cache.iterdir()) == [".lock", wheel.file]
    assert list(context.scratch.iterdir()) == []
    said.clear()
    assert download.obtain(both, context) == cache / wheel.file
    assert said == [f"movielens-tiny: from the cache, {cache / wheel.file}"]


def test_if_no_mirror_works_every_reason_is_listed(
    release: Release, wheel: Wheel, cache: Path, context: cfplug.Context, server: Any
) -> None:
    server.status = 404
    nowhere = attrs.evolve(wheel, requirement="tiny-ratings==2.0")
    assert failure(attrs.evolve(release, wheel=nowhere), context) == "\n".join(
        [
            "movielens-tiny: the data could not be obtained",
            f"  cache: nothing in {cache}",
            f"  official archive, {release.url}: the server answered 404 Not Found",
            "  wheel of tiny-ratings==2.0, by pip: "
            "pip: No matching distribution found for tiny-ratings==2.0",
            advice(release),
        ]
    )
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_a_wheel_with_another_hash_is_refused(
    release: Release, wheel: Wheel, cache: Path, context: cfplug.Context, server: Any
) -> None:
    server.status = 404
    other = attrs.evolve(wheel, sha256="0" * 64)
    assert failure(attrs.evolve(release, wheel=other), context) == "\n".join(
        [
            "movielens-tiny: the data could not be obtained",
            f"  cache: nothing in {cache}",
            f"  official archive, {release.url}: the server answered 404 Not Found",
            "  wheel of tiny-ratings==1.0, by pip: pip refused a wheel with an unexpected hash",
            advice(release),
        ]
    )
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_pip_is_asked_for_one_wheel_by_its_hash_and_for_nothing_else(
    wheel: Wheel, context: cfplug.Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scribe = tmp_path / "python"
    scribe.write_text(
        f'#!/bin/sh\necho "$@" >{tmp_path}/asked\ncat requirements.txt >>{tmp_path}/asked\n'
    )
    scribe.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(scribe))
    with pytest.raises(
        DownloadError, match=r"^pip did not download tiny_ratings-1\.0-py3-none-any\.whl$"
    ):
        fetch(wheel, context)
    command, requirement = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert command == (
        "-m pip download --no-deps --require-hashes --only-binary :all: --retries 2 --no-input "
        "--disable-pip-version-check --progress-bar off --requirement requirements.txt --dest . "
        + " ".join(wheel.options)
    )
    assert requirement == f"tiny-ratings==1.0 --hash=sha256:{wheel.sha256}"


def test_a_python_without_pip_gets_advice(
    release: Release,
    wheel: Wheel,
    cache: Path,
    context: cfplug.Context,
    server: Any,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    bare = tmp_path / "python"
    bare.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n', encoding="utf-8")
    bare.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(bare))
    server.status = 404
    failure(attrs.evolve(release, wheel=wheel), context)
    assert said[-1] == (
        "movielens-tiny: that failed: this Python has no pip (python -m ensurepip installs it)"
    )


def test_a_release_without_a_wheel_has_one_mirror(
    release: Release, cache: Path, context: cfplug.Context, server: Any
) -> None:
    server.status = 403
    assert failure(release, context) == "\n".join(
        [
            "movielens-tiny: the data could not be obtained",
            f"  cache: nothing in {cache}",
            f"  official archive, {release.url}: the server answered 403 Forbidden",
            advice(release),
        ]
    )


def test_an_edition_that_is_no_longer_offered_needs_a_path(
    context: cfplug.Context, cache: Path, server: Any, said: list[str]
) -> None:
    assert failure(ML_SMALL_2016, context) == (
        "movielens-small-2016: its makers no longer offer it. If you have the archive or a folder "
        "of its files, set path: ml-latest-small-2016.zip"
    )
    assert said == []
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_an_error(
    release: Release, context: cfplug.Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("CFPLUG_CACHE", str(tmp_path / "file"))
    folder = tmp_path / "file" / "movielens"
    assert failure(release, context) == "\n".join(
        [
            "movielens-tiny: the data could not be obtained",
            f"  cache: nothing in {folder}",
            f"  cache: {folder}: Not a directory",
            advice(release),
        ]
    )


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no /dev/full, a disk that is full"
)
def test_a_full_disk_is_reported(
    release: Release, cache: Path, context: cfplug.Context, said: list[str]
) -> None:
    cache.mkdir(parents=True)
    (cache / "tiny.zip.part").symlink_to("/dev/full")
    failure(release, context)
    assert said[-1] == f"movielens-tiny: that failed: {cache}: No space left on device"
    assert not (cache / "tiny.zip").exists()


def test_two_that_need_the_archive_at_once_share_one_download(
    release: Release, cache: Path, context: cfplug.Context, server: Any, said: list[str]
) -> None:
    server.breaks_after = [150_000]
    server.hangs = True  # the first one waits with half of the file
    threads = [threading.Thread(target=download.obtain, args=(release, context)) for _ in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while WAITING not in said and time.monotonic() < deadline:
        threads[0].join(0.01)
    server.lets_go.set()
    for thread in threads:
        thread.join()
    assert WAITING in said
    assert server.asked == [None, "bytes=131072-"]
    assert said[-1] == f"movielens-tiny: from the cache, {cache / 'tiny.zip'}"


def test_what_has_another_hash_is_not_kept(cache: Path, tmp_path: Path) -> None:
    cache.mkdir(parents=True)
    (tmp_path / "a.whl").write_bytes(b"meddled")
    with pytest.raises(DownloadError) as error:
        keep(tmp_path / "a.whl", "sha256:" + "0" * 64)
    assert str(error.value) == "a.whl has an unexpected hash; it was removed"
    assert list(cache.iterdir()) == []


def test_what_is_found_with_another_hash_is_removed(cache: Path, said: list[str]) -> None:
    cache.mkdir(parents=True)
    (cache / "a.zip").write_bytes(b"meddled")
    assert find("a.zip", "sha256:" + "0" * 64, said.append) is None
    assert said == [
        f"{cache / 'a.zip'} differs from the published file (another hash), so it was removed"
    ]
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    "known", ["md5:900150983cd24fb0d6963f7d28e17f72", "md5:900150983CD24FB0D6963F7D28E17F72"]
)
def test_a_hash_names_its_algorithm(cache: Path, said: list[str], known: str) -> None:
    cache.mkdir(parents=True)
    (cache / "a.zip").write_bytes(b"abc")
    assert find("a.zip", known, said.append) == cache / "a.zip"


def test_the_cache_is_the_users_own_unless_a_variable_names_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CFPLUG_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path / "movielens"
    monkeypatch.setenv("CFPLUG_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().parts[-2:] == ("cfplug", "movielens")
    assert tmp_path in cache_folder().parents
