"""Running out of memory: said as such, with a batch size that fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras

from cnnforge.data import Feed
from cnnforge.errors import TrainingError


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
        if not _is_out_of_memory(error):
            raise
        size = _size_that_fits(compiled_model, feed)
        raise TrainingError(
            f"expected memory for training.batch_size={feed.batch_size}, received {type(error).__name__}",
            hint=f"a step of {size} images fits: --set training.batch_size={size}"
            if size
            else "not even a step of one image fits: use smaller images (data.image_size) or a smaller network",
        ) from error


def _is_out_of_memory(error: BaseException | None) -> bool:
    # TensorFlow has a class of its own, JAX a message; building a network turns either into an error of its plugin.
    return error is not None and (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
        or "RESOURCE_EXHAUSTED" in str(error)
        or _is_out_of_memory(error.__cause__)
    )


def _size_that_fits(compiled_model: Callable[[], keras.Model], feed: Feed) -> int:
    size = min(feed.batch_size, len(feed.rows)) // 2
    while size:
        try:
            compiled_model().train_on_batch(feed.images.gather(feed.rows[:size]), feed.targets[:size])
        except Exception as error:
            if not _is_out_of_memory(error):
                raise
            size //= 2
        else:
            return size
    return 0
