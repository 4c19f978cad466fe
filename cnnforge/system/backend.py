"""Importing Keras: which backend it uses, and where its backend's start-up messages go."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from cnnforge.errors import StorageError

_MIN_ADDRESS_SPACE = 4 * 2**30  # TensorFlow 2.21 reserves 2.9 on two processors, and 3.5 when it trains
_PROCESS_ID = "KERAS_DISTRIBUTION_PROCESS_ID"


def import_keras() -> str:
    """Import Keras and wake its devices; return what the backend printed while doing so.

    The backend is TensorFlow unless ``KERAS_BACKEND`` says otherwise. Its C++ code writes a dozen lines about missing
    GPUs straight to the standard error's file descriptor, which no logging setting stops; they belong into a log.
    With the environment variables of ``keras.distribution.initialize`` set, this process is one of several that
    train together (on JAX).

    Raises:
        StorageError: This process may not have the memory that Keras takes.
    """
    _check_address_space()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with captured_stderr() as captured:
        import keras

        if _PROCESS_ID in os.environ:
            keras.distribution.initialize()
            keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
        keras.random.SeedGenerator(0).next()
    return captured[0]


def _check_address_space() -> None:
    """Refuse to start where the backend would be aborted in the middle of a word: it reserves more than it uses."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows, which has no such limit
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if 0 <= limit < _MIN_ADDRESS_SPACE:
        raise StorageError(
            f"expected at least {_MIN_ADDRESS_SPACE // 2**30} GiB of address space for Keras, received a limit of"
            f" {limit / 2**30:.1f} GiB (ulimit -v)",
            hint="ulimit -v unlimited",
        )


def process_position() -> tuple[int, int]:
    """Return this process's index among those that train together, and their number; alone it is (0, 1)."""
    if os.environ.get("KERAS_BACKEND") != "jax":
        return (0, 1)
    import jax

    return jax.process_index(), jax.process_count()


@contextlib.contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Yield a list that afterwards holds all that was written to file descriptor 2, by whatever code.

    If the block fails, what it wrote is passed on, since it may say why.
    """
    captured = [""]
    sys.stderr.flush()
    original = os.dup(2)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as file:
        os.dup2(file.fileno(), 2)
        try:
            yield captured
        except BaseException:
            os.dup2(original, 2)
            file.seek(0)
            sys.stderr.write(file.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
        file.seek(0)
        captured[0] = file.read()
