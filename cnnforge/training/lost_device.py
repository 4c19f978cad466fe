"""A GPU that stops working: said as such, with the way on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

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
