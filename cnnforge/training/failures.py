"""Failures of the machine in the middle of training, said as such: no memory left, a GPU that stopped working."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from cnnforge.data import Feed
from cnnforge.errors import TrainingError

# What the drivers call their failures, as TensorFlow and JAX pass it on; want of memory is another matter.
_FAILURE = re.compile(r"\b(CUDA_ERROR_(?!OUT_OF_MEMORY)\w+|(?:cuda|hip)Error(?!OutOfMemory|MemoryAllocation)\w+)")


@contextmanager
def explain_lost_device() -> Iterator[None]:
    """Turn the failure of a GPU or its driver into an error that says how to go on.

    Raises:
        TrainingError: The GPU stopped working.
    """
    try:
        yield
    except Exception as error:
        failure = _FAILURE.search(str(error))
        if failure is None:
            raise
        raise TrainingError(
            f"expected a working GPU, received {failure[0]} from its driver",
            hint="what was learned is saved up to the last checkpoint: when the GPU works again, cnnforge run --resume"
            " goes on from there",
        ) from error


@contextmanager
def explain_memory_errors(compiled_model: Callable[[], keras.Model], feed: Feed) -> Iterator[None]:
    """Turn a backend's want of memory into an error that names a batch size that fits, after trying it.

    Args:
        compiled_model: Returns the network anew, for the trial.
        feed: The training images.

    Raises:
        TrainingError: Memory ran out.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        size = _size_that_fits(compiled_model, feed)
        raise TrainingError(
            f"expected memory for training.batch_size={feed.batch_size}, received {type(error).__name__}",
            hint=f"a step of {size} images fits: --set training.batch_size={size}"
            if size
            else "not even a step of one image fits: use smaller images (data.image_size) or a smaller network",
        ) from error


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error is a backend's want of memory."""
    # TensorFlow has a class of its own, JAX a message; building a network turns either into an error of its plugin.
    return error is not None and (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
        or is_out_of_memory(error.__cause__)
    )


def _size_that_fits(compiled_model: Callable[[], keras.Model], feed: Feed) -> int:
    size = min(feed.batch_size, len(feed.rows)) // 2
    while size:
        try:
            compiled_model().train_on_batch(feed.images.gather(feed.rows[:size]), feed.targets[:size])
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            size //= 2
        else:
            return size
    return 0
