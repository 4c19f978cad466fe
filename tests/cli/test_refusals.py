"""What the system refuses (memory, a home, a place for the cache) is said in words, with exit code 6 and a way on."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cnnforge.cli import console
from cnnforge.errors import StorageError
from cnnforge.system import cache_dir, data_dir, storage_errors
from tests.cli.test_runs import make

POSIX = pytest.mark.skipif(os.name == "nt", reason="limits and homes of POSIX")


@POSIX
@pytest.mark.parametrize("gigabytes", [0.3, 1, 2.5])
def test_too_little_address_space_is_said_before_keras_is_imported(tmp_path: Path, gigabytes: float) -> None:
    """TensorFlow ends with SIGABRT otherwise, or with the name of a library that cannot be mapped."""
    code = "from cnnforge.system import import_keras; import_keras()"
    limit = f"ulimit -v {int(gigabytes * 2**20)}; {sys.executable} -c '{code}'"
    done = subprocess.run(["/bin/sh", "-c", limit], capture_output=True, text=True, check=False)
    assert re.search(r"StorageError: expected at least 4 GiB of address space .* \(ulimit -v\)", done.stderr)


def refusal(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/some/file")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "expected more memory than this process may have"),
        (MemoryError("Unable to allocate 3 GiB"), "Unable to allocate 3 GiB"),
        (ImportError("libx.so: failed to map segment from shared object"), "expected more memory"),
        (refusal(errno.ENOSPC), "cannot use /some/file: No space left on device"),
        (refusal(errno.EROFS), "cannot use /some/file: Read-only file system"),
        (refusal(errno.EACCES), "cannot use /some/file: Permission denied"),
        (refusal(errno.EMFILE), "cannot use /some/file: Too many open files"),
    ],
)
def test_a_refusal_that_nobody_expected_is_in_words_too(cli, tmp_path, monkeypatch, error, said):
    def refuse(folder: Path) -> None:
        raise error

    make(tmp_path / "runs", "a")
    monkeypatch.setattr("cnnforge.cli.runs.list_runs", refuse)
    done = cli("runs")
    assert done.code == 6
    assert done.err.startswith("error: ")
    assert said in done.err
    assert "internal" not in done.err
    assert "→" in done.err


def test_another_error_is_not_taken_for_a_refusal() -> None:
    for error in (OSError("odd"), ImportError("no module"), ValueError("x")):
        assert console._in_words(error) is error


@pytest.mark.parametrize(("place", "variable"), [(cache_dir, "CNNFORGE_CACHE_DIR"), (data_dir, "CNNFORGE_DATA_DIR")])
def test_without_a_home_no_folder_called_tilde_is_made(monkeypatch, place, variable):
    """A user without an entry and without HOME, as in a container with a number for a user."""
    for name in (variable, "HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(StorageError, match="expected a home folder, received none") as caught:
        place()
    assert caught.value.hint is not None
    assert f"export {variable}=" in caught.value.hint
    monkeypatch.setenv(variable, "/elsewhere")
    assert place() == Path("/elsewhere")


@POSIX
@pytest.mark.parametrize("cache", ["/dev/null", "/dev/null/cache", "/proc/cache"])
def test_a_cache_that_cannot_be_written_to_names_its_setting(cli, tmp_path, monkeypatch, cache):
    monkeypatch.setenv("CNNFORGE_CACHE_DIR", cache)
    with pytest.raises(StorageError, match="cannot write") as caught, storage_errors(cache_dir() / "images"):
        (cache_dir() / "images").mkdir(parents=True)
    assert caught.value.hint is not None
    assert "export CNNFORGE_CACHE_DIR=" in caught.value.hint


def test_a_full_disk_elsewhere_names_no_setting(tmp_path) -> None:
    with pytest.raises(StorageError) as caught, storage_errors(tmp_path / "runs"):
        raise refusal(errno.ENOSPC)
    assert caught.value.hint == "free some space, or choose another folder you may write to"
