"""Cases of the catalogue that belong to no one module."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cnnforge.errors import StorageError, UnknownNameError
from cnnforge.running.run_dir import RunDir
from cnnforge_tuning.study_dir import StudyDir, changes, identity
from tests.reliability.silent import draw, manifest
from tests.serving import load_run, make_run
from tests.unit.tuning.conftest import make_plan

pytestmark = pytest.mark.slow


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_mode) for path in folder.rglob("*")}


def test_a_folder_of_photographs_that_may_only_be_read_is_enough(tmp_path: Path) -> None:
    """The superuser may write everywhere, so what is compared is whether anything was."""
    data = draw(tmp_path / "data", "cat", "dog")
    folders = [data, data / "cat", data / "dog"]
    for folder in folders:
        folder.chmod(0o500)
    try:
        before = state(data)
        assert len(manifest(data).rows("train")) > 0
        assert state(data) == before
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_a_run_whose_plugin_is_gone_says_which(tmp_path: Path) -> None:
    directory = make_run(tmp_path)
    text = directory.recipe.read_text(encoding="utf-8")
    directory.recipe.write_text(text.replace('name = "catsdogs_cnn"', 'name = "gone_net"'), encoding="utf-8")
    with pytest.raises(UnknownNameError, match="gone_net"):
        load_run(directory)


@pytest.mark.parametrize(
    "data", [None, [], {}, {"class_names": []}, {"class_names": ["cat"]}, {"class_names": ["cat", "cat"]}]
)
def test_a_record_of_classes_that_does_not_fit_the_network_is_refused(tmp_path: Path, data: object) -> None:
    directory = make_run(tmp_path)
    directory.update_run(data=data)
    with pytest.raises(StorageError, match="to name the classes of the network"):
        load_run(directory)


def test_a_damaged_record_of_a_run_is_named(tmp_path: Path) -> None:
    directory = make_run(tmp_path)
    for content in (b"", b"[" * 20_000, b"[]", directory.run_json.read_bytes()[:-20]):
        directory.run_json.write_bytes(content)
        with pytest.raises(StorageError, match=r"run\.json"):
            load_run(RunDir(directory.path))


def test_another_version_of_a_plugin_is_another_study(tmp_path: Path) -> None:
    planned = make_plan()
    directory = StudyDir(tmp_path)
    directory.update(identity=identity(planned.resolved, planned.space, "f00d"))
    assert changes(directory, identity(planned.resolved, planned.space, "f00d")) == []
    newer = replace(planned.resolved, architecture=replace(planned.resolved.architecture, version="99.0"))
    found = changes(directory, identity(newer, planned.space, "f00d"))
    assert any(line.startswith("plugins.architecture.version: was ") and line.endswith("is 99.0") for line in found)
