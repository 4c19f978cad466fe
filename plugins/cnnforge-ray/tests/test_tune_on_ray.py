"""Whole studies on a cluster of three nodes: the same as on one machine, whatever is lost meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray_clusters import NODE, Tuner, new_cluster, wait_until

from cnnforge.system.processors import num_processors


def on(cluster: Any, *more: str) -> list[str]:
    return ["--executor", "ray", "--set", f"executor.address={cluster.address}", "--workers", "3", *more]


@pytest.mark.slow
def test_without_an_address_ray_is_started_on_this_machine_and_ends_with_the_study(tuner: Tuner) -> None:
    output = tuner.run("s", "--executor", "ray", "--trials", "2", "--workers", "2")
    assert output.count("Trial 000") == 2
    assert [trial["status"] for trial in tuner.trials("s")] == ["finished"] * 2


@pytest.fixture
def own_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("PYTHONPATH", "CNNFORGE_CACHE_DIR"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    found = new_cluster(tmp_path)
    yield found
    found.shutdown()


@pytest.mark.faults
def test_a_seeded_random_search_comes_to_the_same_on_a_cluster_as_on_one_machine(
    own_cluster: Any, tuner: Tuner
) -> None:
    tuner.run("cluster", *on(own_cluster, "--trials", "4"))
    assert num_processors() >= 2  # of which a trial gets one here too
    tuner.run("local", "--workers", str(num_processors()), "--trials", "4")
    assert tuner.trials("cluster") == tuner.trials("local")
    assert {trial["status"] for trial in tuner.trials("cluster")} == {"finished"}


@pytest.mark.faults
def test_a_node_that_is_lost_in_the_middle_loses_no_trial(own_cluster: Any, tuner: Tuner) -> None:
    lost = own_cluster.list_all_nodes()[-1]
    with tuner.start("s", *on(own_cluster, "--trials", "5")) as process:
        wait_until(lambda: tuner.events("s", "tell"), process)
        own_cluster.remove_node(lost, allow_graceful=False)
        output = process.communicate(timeout=900)[0]
    assert process.returncode == 0, output
    for kind in ("ask", "tell"):
        assert sorted(tuner.events("s", kind)) == [f"{number:04}" for number in range(5)]
    assert tuner.events("s", "retry") == []  # the executor repeats what a node took with it
    assert {trial["status"] for trial in tuner.trials("s")} == {"finished"}


@pytest.mark.faults
def test_a_driver_that_is_killed_and_started_again_goes_on(own_cluster: Any, tuner: Tuner) -> None:
    arguments = on(own_cluster, "--trials", "4")
    with tuner.start("s", *arguments) as process:
        wait_until(lambda: list(tuner.study("s").glob("trials/*/metrics.jsonl")), process)
        process.kill()
    before = tuner.events("s", "ask")
    assert before
    own_cluster.add_node(**NODE)  # where it goes on need not be where it was
    output = tuner.run("s", *arguments)
    assert "Goes on" in output
    for kind in ("ask", "tell"):
        assert sorted(tuner.events("s", kind)) == [f"{number:04}" for number in range(4)]
    assert {trial["status"] for trial in tuner.trials("s")} == {"finished"}
