"""The executor on a real cluster: a process a task, whose end ends nothing else; nodes that differ are refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
import ray_tasks
from cnnforge_ray import EXECUTOR, RayOptions, executor, node
from ray_clusters import NODE, wait_until

from cnnforge.errors import CnnforgeError, RecipeError
from cnnforge.host.kinds import ExecutorSpec
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry


@pytest.fixture
def place(cluster: Any, tmp_path: Path) -> Iterator[executor.RayExecutor]:
    with executor.start(RayOptions(address=cluster.address, workers=3), directory=tmp_path / "study") as started:
        yield started


def test_the_plugin_is_found_and_its_entry_module_is_light() -> None:
    from cnnforge.testing import plugin_checks

    assert Registry(PluginHost.discover()).catalogue(ExecutorSpec).get("ray").spec == EXECUTOR
    plugin_checks.check_entry_module_is_light("cnnforge_ray")
    assert EXECUTOR.problems() == []


def test_each_task_has_a_process_of_its_own_and_as_many_threads_as_cores(place: executor.RayExecutor) -> None:
    found = [future.result() for future in [place.submit(ray_tasks.where) for _ in range(4)]]
    assert len({pid for pid, _ in found} | {os.getpid()}) == 5
    assert {threads for _, threads in found} == {"1"}


def test_a_result_and_an_error_come_back_as_they_are(place: executor.RayExecutor) -> None:
    assert place.submit(ray_tasks.add, 2, second=3).result() == 5
    with pytest.raises(RecipeError, match=r"^expected less$") as caught:
        place.submit(ray_tasks.refuse).result()
    assert caught.value.hint == "less"


def test_a_worker_that_ends_is_one_failed_task(place: executor.RayExecutor) -> None:
    ended, killed = place.submit(ray_tasks.leave, "sys.exit"), place.submit(ray_tasks.leave, "kill")
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        ended.result()
    with pytest.raises(executor.TaskLostError, match="its process was ended") as caught:
        killed.result()
    assert caught.value.kind == "killed"
    assert place.submit(ray_tasks.add, 1, 1).result() == 2


def test_stopping_asks_the_running_tasks_to_save_and_drops_those_that_wait(cluster: Any, tmp_path: Path) -> None:
    place = executor.start(RayOptions(address=cluster.address), directory=tmp_path)
    running = place.submit(ray_tasks.wait_for_interrupt, str(tmp_path / "ready"))
    waiting = place.submit(ray_tasks.add, 1, 1)
    wait_until((tmp_path / "ready").exists)
    place.shutdown(cancel_futures=True)
    assert running.result() == "stopped"
    assert waiting.cancelled()
    assert not ray.is_initialized()


def test_a_task_on_a_node_that_is_lost_is_repeated_on_another(cluster: Any, tmp_path: Path) -> None:
    lost = cluster.add_node(num_cpus=4, object_store_memory=NODE["object_store_memory"])
    options = RayOptions(address=cluster.address, cpus=4)  # no other node has as many
    with executor.start(options, directory=tmp_path) as place:
        future = place.submit(ray_tasks.node_and_wait, str(tmp_path))
        wait_until((tmp_path / lost.node_id).exists)
        cluster.remove_node(lost, allow_graceful=False)
        other = cluster.add_node(num_cpus=4, object_store_memory=NODE["object_store_memory"])
        wait_until((tmp_path / other.node_id).exists)
        (tmp_path / "go").touch()
        assert future.result() == other.node_id
        cluster.remove_node(other)


def test_a_node_with_other_plugins_is_refused_and_the_difference_named(cluster: Any, tmp_path: Path) -> None:
    other = cluster.add_node(**NODE, env_vars={"CNNFORGE_DISABLE_PLUGINS": "cnnforge-ray", "KERAS_BACKEND": "jax"})
    try:
        with pytest.raises(CnnforgeError, match="the same software") as caught:
            executor.start(RayOptions(address=cluster.address), directory=tmp_path)
    finally:
        cluster.remove_node(other)
    lines = str(caught.value).splitlines()[1:]
    assert all(other.node_id[:8] in line for line in lines)
    here = node.software()["plugin cnnforge-ray:ray"]
    assert [line.partition(": ")[2] for line in lines] == [
        "Keras's backend is jax, expected tensorflow",
        f"plugin cnnforge-ray:ray is {here.replace('ok', 'disabled')}, expected {here}",
    ]
    assert not list(tmp_path.iterdir())
    assert not ray.is_initialized()


def test_a_node_that_joins_later_and_differs_gets_no_task(
    cluster: Any, place: executor.RayExecutor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.submit(ray_tasks.add, 1, 1).result() == 2
    other = cluster.add_node(**{**NODE, "num_cpus": 8}, env_vars={"KERAS_BACKEND": "jax"})
    try:
        found = {future.result() for future in [place.submit(ray_tasks.node) for _ in range(6)]}
    finally:
        cluster.remove_node(other)
    assert found
    assert other.node_id not in found
    assert (
        f"({other.node_id[:8]}): Keras's backend is jax, expected tensorflow; it gets no trial"
        in capsys.readouterr().err
    )


def test_a_node_that_does_not_see_the_studys_folder_says_so(tmp_path: Path) -> None:
    found = node.problems({**node.software(), "tensorflow": "1.0"}, tmp_path / "study" / "token")
    assert found[0].startswith("tensorflow is 2.")
    assert found[0].endswith("expected 1.0")
    assert found[1] == f"the study's folder {tmp_path / 'study'} is not the same there"


def test_more_than_any_node_has_is_refused(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"executor\.cpus=9 and executor\.gpus=0: node .* has 1 cores"):
        executor.start(RayOptions(address=cluster.address, cpus=9), directory=tmp_path)
    with pytest.raises(RecipeError, match=r"executor\.gpus=1"):
        executor.start(RayOptions(address=cluster.address, gpus=1), directory=tmp_path)


def test_no_cluster_at_the_address_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CnnforgeError, match=r"received executor\.address=127\.0\.0\.1:1") as caught:
        executor.start(RayOptions(address="127.0.0.1:1"), directory=tmp_path)
    assert "ray start --head" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("cores", "workers", "share"),
    [([2], 1, 2), ([2], 2, 1), ([2], 4, 0.5), ([8, 8, 8], 3, 8), ([8, 8, 8], 4, 4), ([8, 8, 8], 6, 4), ([16, 2], 3, 5)],
)
def test_the_cores_are_shared_out_so_that_all_workers_run_at_a_time(
    cores: list[float], workers: int, share: float
) -> None:
    assert executor._share(cores, workers) == share
