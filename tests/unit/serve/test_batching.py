"""What waits is computed together, nothing waits for a batch to fill, and a failure costs one batch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest

from cnnforge_serve import batching
from cnnforge_serve.batching import Batcher, WorkerFailedError
from cnnforge_serve.metrics import Metrics


class Network:
    """Gives each image its own value back; notes its batches and the thread it computes in."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[str] = set()
        self.failures: list[Exception] = []
        self.is_open = threading.Event()
        self.is_open.set()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        assert self.is_open.wait(30)
        self.batches.append(len(images))
        self.threads.add(threading.current_thread().name)
        if self.failures:
            raise self.failures.pop()
        return images[:, 0, 0, :1].astype(np.float32)


def image(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 30))


async def started(network: Network, max_batch: int = 32) -> Batcher:
    batcher = Batcher(lambda: network, Metrics(), max_batch)
    await batcher.start()
    return batcher


def ask(batcher: Batcher, values: range) -> list[asyncio.Task[np.ndarray]]:
    return [asyncio.create_task(batcher.probabilities(image(value))) for value in values]


def test_one_image_is_computed_at_once_and_what_comes_meanwhile_together() -> None:
    async def scenario() -> None:
        network = Network()
        batcher = await started(network)
        network.is_open.clear()
        first = ask(batcher, range(1))
        while not batcher._batch:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        others = ask(batcher, range(1, 41))
        await asyncio.sleep(0)
        network.is_open.set()
        answers = await asyncio.gather(*first, *others)
        assert network.batches == [1, 32, 8]
        assert [int(answer[0]) for answer in answers] == list(range(41))
        assert network.threads == {"network_0"}
        batcher.stop()

    run(scenario())


def test_without_batching_every_image_is_computed_alone() -> None:
    async def scenario() -> None:
        network = Network()
        batcher = await started(network, max_batch=1)
        answers = await asyncio.gather(*ask(batcher, range(5)))
        assert network.batches == 5 * [1]
        assert [int(answer[0]) for answer in answers] == list(range(5))
        batcher.stop()

    run(scenario())


def test_images_whose_request_has_ended_are_passed_over() -> None:
    async def scenario() -> None:
        network = Network()
        batcher = await started(network)
        network.is_open.clear()
        tasks = ask(batcher, range(4))
        await asyncio.sleep(0)  # all of them wait for the first batch to be put together
        tasks[1].cancel()
        network.is_open.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(answers[1], asyncio.CancelledError)
        assert network.batches == [3]
        assert [int(answers[n][0]) for n in (0, 2, 3)] == [0, 2, 3]
        batcher.stop()

    run(scenario())


def test_a_failure_costs_its_batch_and_the_next_one_is_computed() -> None:
    async def scenario() -> None:
        network = Network()
        batcher = await started(network)
        network.failures = [RuntimeError("broken")]
        answers = await asyncio.gather(*ask(batcher, range(3)), return_exceptions=True)
        assert all(isinstance(answer, WorkerFailedError) for answer in answers)
        later = await asyncio.gather(*ask(batcher, range(3)))
        assert [int(answer[0]) for answer in later] == [0, 1, 2]
        assert batcher.is_ready
        batcher.stop()

    run(scenario())


def test_a_network_that_cannot_be_started_is_tried_again_and_is_not_ready_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "_RESTART_SECONDS", 0.0)

    async def scenario() -> None:
        network, attempts = Network(), 0
        seen: list[bool] = []

        def start() -> Network:
            nonlocal attempts
            attempts += 1
            seen.append(batcher.is_ready)
            if attempts in {2, 3}:
                raise RuntimeError("no memory")
            return network

        batcher = Batcher(start, Metrics())
        await batcher.start()
        network.failures = [RuntimeError("broken")]
        with pytest.raises(WorkerFailedError):
            await batcher.probabilities(image(0))
        assert int((await batcher.probabilities(image(7)))[0]) == 7  # waited for the fourth attempt
        assert (attempts, seen) == (4, 4 * [False])
        batcher.stop()

    run(scenario())


def test_other_work_on_the_network_takes_its_turn() -> None:
    async def scenario() -> None:
        network = Network()
        batcher = await started(network)
        answers = await asyncio.gather(
            batcher.probabilities(image(1)), batcher.run(lambda: threading.current_thread().name)
        )
        assert answers[1] == "network_0"
        batcher.stop()

    run(scenario())


def test_an_idle_network_computes_in_the_calling_thread_and_a_busy_one_does_not() -> None:
    async def scenario() -> None:
        network = Network()
        batcher = await started(network)
        found = await asyncio.to_thread(batcher.compute_if_idle, image(7))
        assert found is not None
        assert found[0] == 7
        assert not any(name.startswith("network") for name in network.threads)
        network.is_open.clear()
        alone = asyncio.create_task(asyncio.to_thread(batcher.compute_if_idle, image(8)))
        while not batcher._in_use.locked():
            await asyncio.sleep(0)
        assert batcher.compute_if_idle(image(9)) is None
        waiting = ask(batcher, range(10, 13))
        network.is_open.set()
        assert [float(row[0]) for row in await asyncio.gather(*waiting)] == [10, 11, 12]
        assert (await alone)[0] == 8
        assert network.batches == [1, 1, 3]
        batcher.stop()

    run(scenario())


def test_a_failure_in_the_calling_thread_starts_the_network_again() -> None:
    async def scenario() -> None:
        network = Network()
        batcher = await started(network)
        network.failures = [MemoryError("none left")]
        with pytest.raises(WorkerFailedError):
            await asyncio.to_thread(batcher.compute_if_idle, image(1))
        assert (await asyncio.gather(*ask(batcher, range(2, 3))))[0][0] == 2
        batcher.stop()

    run(scenario())
