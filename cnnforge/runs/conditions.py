"""What the bits of a training depend on besides the recipe and the data: machine, threads, versions, switches."""

from __future__ import annotations

import os
import platform
from typing import Any

import keras

from cnnforge.runs.recording import recorded_packages
from cnnforge.system import cpu_model, num_processors

_SWITCHES = ("TF_ENABLE_ONEDNN_OPTS", "TF_DETERMINISTIC_OPS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS",
             "OMP_NUM_THREADS", "XLA_FLAGS", "TF_XLA_FLAGS", "ONEDNN_MAX_CPU_ISA")  # fmt: skip


def conditions() -> dict[str, Any]:
    """Return the conditions under which this process trains; two that are equal give the same bits on a processor."""
    return {
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": cpu_model(),
        "processors": num_processors(),
        "backend": keras.backend.backend(),
        "accelerators": _accelerators(),
        "threads": _threads(),
        "python": platform.python_version(),
        "packages": recorded_packages(),
        "switches": {name: os.environ[name] for name in _SWITCHES if name in os.environ},
    }


def _accelerators() -> list[str]:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        return [str(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)) for gpu in found]
    return [device for device in keras.distribution.list_devices() if not device.startswith("cpu")]


def _threads() -> list[int]:
    """Return how many threads TensorFlow was told to use, for one operation and for several; 0 is its own choice."""
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    threading = tf.config.threading
    return [threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads()]
