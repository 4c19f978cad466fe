"""A GPU that stops working ends a run in words, and the run can go on; a full one is told apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cnnforge.errors import TrainingError
from cnnforge.running.run_dir import RunDir
from cnnforge.training.failures import explain_lost_device
from tests.faults.conftest import Shell
from tests.faults.kills import differences

pytestmark = pytest.mark.slow


def test_a_gpu_that_vanishes_ends_the_run_in_words_and_it_can_go_on(
    shell: Shell, uninterrupted: Callable[[], RunDir]
) -> None:
    stopped = shell.start(fault="gpu_lost 1 4")
    assert stopped.returncode == 5, stopped.stderr
    assert "received CUDA_ERROR_DEVICE_UNAVAILABLE" in " ".join(stopped.stderr.split())
    assert "--resume" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert shell.resume().returncode == 0
    assert differences(uninterrupted(), shell.directory) == []


@pytest.mark.parametrize(
    "message",
    [
        "INTERNAL: Failed to execute XLA Runtime executable: CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure",
        "INTERNAL: hipErrorNoDevice",
        "cudaErrorECCUncorrectable: uncorrectable ECC error encountered",
    ],
)
def test_failures_of_drivers_are_known(message: str) -> None:
    with pytest.raises(TrainingError, match="expected a working GPU"), explain_lost_device():
        raise RuntimeError(message)


@pytest.mark.parametrize(
    "message",
    ["CUDA_ERROR_OUT_OF_MEMORY: out of memory", "cudaErrorMemoryAllocation", "RESOURCE_EXHAUSTED: device", "no CUDA"],
)
def test_want_of_memory_and_other_errors_are_none_of_them(message: str) -> None:
    with pytest.raises(RuntimeError), explain_lost_device():
        raise RuntimeError(message)
