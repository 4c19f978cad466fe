"""The executor: each task a Ray task in a process of its own, which ends with it.

Ray decides where a task runs, by the cores and GPUs it asks for. Nothing but the end of a task comes back through Ray:
what a trial writes, its log and its figures after each epoch too, stands in the study's folder, which all nodes see.
"""

from __future__ import annotations

import math
import os
import socket
import sys
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cnnforge.errors import CnnforgeError, RecipeError
from cnnforge.system import num_processors
from cnnforge_ray import RayOptions
from cnnforge_ray.node import problems, run, software

T = TypeVar("T")
_STORE_BYTES = 100_000_000  # of shared memory: what comes back is small
_MOST_LOST_NODES = 5  # for one task: more, and it may be the task that ends them
_CHECK_SECONDS = 120
_KNOCK_SECONDS = 20


def start(options: RayOptions, *, directory: Path) -> RayExecutor:
    """Start Ray or join a cluster, and return the executor.

    Raises:
        CnnforgeError: There is no cluster, or a node differs from this machine or does not see the study's folder.
        RecipeError: No node has as much as a trial asks for.
    """
    _connect(options.address)
    try:
        executor = RayExecutor(options, directory)
        differing = executor.check_new_nodes()
        if differing:
            raise CnnforgeError(
                "expected nodes with the same software that see the study's folder, received others:\n"
                + "\n".join(f"  {line}" for line in differing),
                hint="install the same everywhere, and name a folder that all machines share with --studies-dir",
            )
    except BaseException:
        ray.shutdown()
        raise
    return executor


class TaskLostError(Exception):
    """A task's process is gone without a result; a study tries such a trial once more."""

    kind = "killed"


class RayExecutor(Executor):
    """Runs tasks on the cluster that this process is connected to, and disconnects when it is shut down.

    Args:
        options: How many tasks run at a time, and what each asks for.
        directory: The study's folder.
    """

    def __init__(self, options: RayOptions, directory: Path) -> None:
        nodes = _nodes()
        cpus = options.cpus or _share([node["Resources"].get("CPU", 0) for node in nodes], options.workers)
        has_gpu = any(node["Resources"].get("GPU") for node in nodes)
        gpus = float(has_gpu) if options.gpus is None else options.gpus
        _check_size(nodes, {"CPU": cpus, "GPU": gpus})
        # A process ends with its task. What is lost is tried again here, where it can be told what was lost.
        self._task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_calls=1, max_retries=0)(run)
        self._num_threads = max(1, int(cpus))
        self._directory = directory.absolute()
        self._threads = ThreadPoolExecutor(options.workers, thread_name_prefix="trial")
        self._known: set[str] = set()
        self._refused: set[str] = set()
        self._checking = threading.Lock()
        self._running: set[Any] = set()
        self._is_ending = threading.Event()
        self._lock = threading.Lock()

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Return the future result of ``function(*args, **kwargs)``, which is imported by its name."""
        return self._threads.submit(self._run, function, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End; with ``cancel_futures`` ask the running tasks to save and stop, as Ctrl-C does."""
        if cancel_futures:
            self._is_ending.set()
            with self._lock:
                for reference in self._running:
                    ray.cancel(reference)
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            ray.shutdown()

    def check_new_nodes(self) -> list[str]:
        """Compare the nodes not yet known with this machine; return in what they differ. Those get no task."""
        with self._checking:
            nodes = [node for node in _nodes() if node["NodeID"] not in self._known]
            differing = dict(zip((node["NodeID"] for node in nodes), self._ask(nodes), strict=True)) if nodes else {}
            self._known |= differing.keys()
            self._refused |= {identity for identity, lines in differing.items() if lines}
        return [f"{_name(node)}: {line}" for node in nodes for line in differing[node["NodeID"]]]

    def _ask(self, nodes: list[dict[str, Any]]) -> list[list[str]]:
        self._directory.mkdir(parents=True, exist_ok=True)
        token = self._directory / f".seen-by-ray-{uuid.uuid4().hex}"
        token.touch()
        try:
            task = ray.remote(num_cpus=0, max_calls=1)(problems)
            asked = [task.options(scheduling_strategy=_on(node)).remote(software(), token) for node in nodes]
            return [_answer(reference) for reference in asked]
        finally:
            token.unlink()

    def _run(self, function: Callable[..., T], args: Any, kwargs: Any) -> T:
        for _ in range(_MOST_LOST_NODES):
            try:
                error, result = self._result(function, args, kwargs)
            except NodeDiedError:
                continue
            except OutOfMemoryError as lost:
                raise TaskLostError("Ray ended its process, because memory ran out") from lost
            except WorkerCrashedError as lost:
                raise TaskLostError("its process was ended (as the system does when memory runs out)") from lost
            if error is not None:
                raise error
            value: T = result
            return value
        raise TaskLostError(f"{_MOST_LOST_NODES} nodes were lost while it ran there")

    def _result(self, function: Callable[..., T], args: Any, kwargs: Any) -> tuple[Exception | None, Any]:
        for line in self.check_new_nodes():
            sys.stderr.write(f"warning: {line}; it gets no trial\n")
        elsewhere = {"ray.io/node-id": f"!in({','.join(sorted(self._refused))})"} if self._refused else {}
        task = self._task.options(label_selector=elsewhere)
        reference = task.remote(self._num_threads, function, args, kwargs)
        with self._lock:
            self._running.add(reference)
            if self._is_ending.is_set():
                ray.cancel(reference)
        try:
            answer: tuple[Exception | None, Any] = ray.get(reference)
            return answer
        finally:
            with self._lock:
                self._running.discard(reference)


def _connect(address: str | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
    here = {"num_cpus": num_processors(), "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    try:
        _knock(address)
        ray.init(address or "local", log_to_driver=False, logging_level="error", **({} if address else here))
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise CnnforgeError(
            f"expected a Ray cluster, received executor.address={address}: {error}",
            hint="start one: `ray start --head`, and `ray start --address=HOST:6379` on the other machines",
        ) from error


def _knock(address: str | None) -> None:
    """Try whether anybody answers at host:port; Ray itself would try for ten minutes."""
    host, _, port = (address or "").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _answer(reference: Any) -> list[str]:
    try:
        found: list[str] = ray.get(reference, timeout=_CHECK_SECONDS)
        return found
    except RayError as error:
        return [f"cannot be asked: {error}"]


def _name(node: dict[str, Any]) -> str:
    return f"node {node['NodeManagerAddress']} ({node['NodeID'][:8]})"


def _on(node: dict[str, Any]) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)


def _share(cores: list[float], workers: int) -> float:
    """Return the most cores a task can have so that so many tasks run at a time."""
    fitting = [share for share in range(1, int(max(cores)) + 1) if sum(n // share for n in cores) >= workers]
    return max(fitting, default=max(0.01, math.floor(100 * sum(cores) / workers) / 100))


def _check_size(nodes: list[dict[str, Any]], wanted: dict[str, float]) -> None:
    if not any(all(node["Resources"].get(kind, 0) >= number for kind, number in wanted.items()) for node in nodes):
        found = "; ".join(f"{_name(node)} has {node['Resources'].get('CPU', 0):g} cores" for node in nodes)
        raise RecipeError(
            f"expected a node with what a trial asks for, received executor.cpus={wanted['CPU']:g} and"
            f" executor.gpus={wanted['GPU']:g}: {found}",
            hint="ask for less",
        )
