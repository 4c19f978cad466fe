"""Loading ``.keras`` files that somebody else made.

The file is never given to Keras as it is. Its archive and its description of the network are checked first, as text;
its HDF5 weights are opened by a process of its own, which builds the network within limits of memory and time and
writes the weights as plain arrays; only then is the network built here, and takes those arrays.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cnnforge.errors import StorageError, UnsafeFileError
from cnnforge.system import expanded

if TYPE_CHECKING:
    import keras

MAX_SECONDS = 300
_HINT = "take it from its source again, or have it saved anew by model.save('….keras') of Keras 3, without such layers"


def load_keras_file(path: Path | str) -> keras.Model:
    """Return the network in a ``.keras`` file, uncompiled, without running anything that the file brings.

    It may consist of those of Keras's own layers that only compute: no ``Lambda``, no layer that reads other files
    (tables of words, saved models), none of another package.

    Args:
        path: The file; its weights are at most 4 GB.

    Raises:
        StorageError: The file cannot be read.
        UnsafeFileError: It is damaged or not safe; the message says what was found in it.
    """
    from cnnforge_keras_files.archive import CONFIGURATION, unpack
    from cnnforge_keras_files.configuration import read

    path = expanded(path)
    with tempfile.TemporaryDirectory(prefix="cnnforge-model-") as name:
        folder = Path(name)
        try:
            (folder / CONFIGURATION).write_text(read(unpack(path, folder)), encoding="utf-8")
            return _build(folder)
        except OSError as error:
            raise StorageError(f"cannot read the model file {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise UnsafeFileError(
                f"expected a .keras file of Keras's own layers, received {path}: {error}", hint=_HINT
            ) from None


def _build(folder: Path) -> keras.Model:
    import subprocess

    from cnnforge.system import call_elsewhere, ending, import_keras

    import_keras()
    from cnnforge_keras_files import building

    building.check_safe_mode()
    try:
        done = call_elsewhere("cnnforge_keras_files.building:try_out", str(folder), timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired:
        raise ValueError(f"building its network took longer than {MAX_SECONDS} s") from None
    if done.returncode:
        is_answer = done.returncode == UnsafeFileError.exit_code
        last_line = ((done.stdout if is_answer else done.stderr).strip().splitlines() or ["it said nothing"])[-1]
        raise ValueError(last_line if is_answer else f"building its network {ending(done.returncode)}: {last_line}")
    return building.build(folder)
