"""The run directory: made once, complete from the start, never overwritten."""

from __future__ import annotations

import json
import multiprocessing
import os
import re

import pytest

from cnnforge.errors import BusyError, RecipeError, StorageError
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import resolve
from cnnforge.running.naming import create_run_dir, find_run
from cnnforge.running.recording import provenance
from cnnforge.running.run_dir import RunDir, hold_run


@pytest.fixture
def resolved(recipe_file, registry):
    return resolve(load_recipe(recipe_file(head='name = "mine"'), registry), registry)


def test_a_new_run_directory_holds_the_recipe_and_where_it_came_from(resolved, registry, tmp_path):
    made = create_run_dir(resolved, tmp_path / "runs")
    assert sorted(path.name for path in made.path.iterdir()) == ["recipe.toml", "run.json"]
    assert resolve(load_recipe(str(made.recipe), registry), registry) == resolved
    facts = made.read_run()
    assert facts["status"] == "started"
    assert facts["plugins"]["architecture"] == {"name": "tiny", "plugin": "small:main", "version": "0"}
    assert {"cnnforge", "keras", "tensorflow", "numpy"} <= set(facts["packages"])


def test_the_name_is_time_recipe_and_a_short_id_unless_given(resolved, tmp_path):
    assert re.fullmatch(r"\d{8}-\d{6}-mine-[0-9a-f]{4}", create_run_dir(resolved, tmp_path).path.name)
    assert create_run_dir(resolved, tmp_path, "other").path == tmp_path / "other"


def test_a_run_is_never_overwritten(resolved, tmp_path):
    made = create_run_dir(resolved, tmp_path, "same")
    before = made.run_json.read_bytes()
    with pytest.raises(RecipeError, match="which exists already") as caught:
        create_run_dir(resolved, tmp_path, "same")
    assert "--name" in caught.value.hint
    assert made.run_json.read_bytes() == before


def test_a_folder_that_cannot_hold_runs_is_a_storage_error(resolved, tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(StorageError):
        create_run_dir(resolved, tmp_path / "runs")


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions as POSIX has them")
def test_a_folder_one_may_not_write_to_is_a_storage_error(resolved, tmp_path):
    (tmp_path / "runs").mkdir(mode=0o500)
    user = os.geteuid()
    os.seteuid(user or 65534)  # root is bound by no permission
    try:
        with pytest.raises(StorageError, match="Permission denied"):
            create_run_dir(resolved, tmp_path / "runs", "mine")
    finally:
        os.seteuid(user)
    assert not list((tmp_path / "runs").iterdir())


def test_facts_are_added_to_those_that_are_there(resolved, tmp_path):
    made = create_run_dir(resolved, tmp_path)
    made.update_run(status="done", seconds=1.5)
    facts = json.loads(made.run_json.read_text(encoding="utf-8"))
    assert (facts["status"], facts["seconds"], facts["recipe"]) == ("done", 1.5, "mine")


def test_a_folder_outside_a_repository_has_no_commit(resolved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance(resolved)["git"] is None


def test_a_run_is_found_by_its_path_and_by_its_name(resolved, tmp_path):
    made = create_run_dir(resolved, tmp_path / "runs", "first")
    assert find_run(str(made.path)) == made
    assert find_run("first", tmp_path / "runs").path == made.path
    with pytest.raises(RecipeError, match=r"received frist\. Did you mean 'first'"):
        find_run("frist", tmp_path / "runs")


def hold(path, held, release):
    with hold_run(RunDir(path)):
        held.set()
        release.wait(60)


def test_a_run_is_in_the_hands_of_one_process_and_free_when_that_is_killed(resolved, tmp_path):
    made = create_run_dir(resolved, tmp_path, "mine")
    spawn = multiprocessing.get_context("spawn")
    held, release = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold, args=(made.path, held, release))
    other.start()
    assert held.wait(60)
    with pytest.raises(BusyError, match=f"process {other.pid} on "), hold_run(made):
        pass
    other.kill()
    other.join()
    with hold_run(made):
        assert made.read_run()["process"]["pid"] == os.getpid()


def test_weights_named_by_a_run_lie_in_its_folder(resolved, tmp_path):
    made = create_run_dir(resolved, tmp_path, "mine")
    assert not made.best_weights.exists()
    made.update_run(weights={"file": "../../elsewhere/best-0001.npz"})
    assert made.best_weights == made.path / "checkpoints" / "best-0001.npz"


def test_a_model_file_is_no_run_and_its_folder_may_be(tmp_path):
    with pytest.raises(RecipeError, match="received the model file") as caught:
        find_run(str(tmp_path / "r" / "model.keras"))
    assert f"give the folder of its run: {tmp_path / 'r'};" in str(caught.value.hint)
