"""Which arithmetic a model is trained in: bfloat16 where the hardware has it and it is faster, else float32.

``auto`` first asks whether the processor computes in bfloat16 at all, then trains a few steps of this very model in
both ways. The outcome is remembered for the machine, the model, the batch size and what plugins changed of the steps.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cnnforge.network import leaves
from cnnforge.system import cache_dir, cpu_flags, cpu_model, files, num_processors
from cnnforge.training.failures import is_out_of_memory

BFLOAT16 = "mixed_bfloat16"
FLOAT32 = "float32"

Build = Callable[[str], tuple[keras.Model, Mapping[str, Sequence[str]]]]
"""Returns a compiled network under a dtype policy, and what plugins changed of its training steps, by plugin id."""

_STEPS = 5
_CPU_FLAGS = ("avx512_bf16", "amx_bf16", "bf16")
_MIN_COMPUTE_CAPABILITY = 8.0  # Ampere, the first NVIDIA generation with bfloat16


@dataclass(frozen=True, slots=True)
class Precision:
    """The chosen Keras dtype policy and why."""

    policy: str
    reason: str


def choose_precision(wanted: str, build: Build, batch: tuple[np.ndarray, np.ndarray]) -> Precision:
    """Return the policy to train under.

    Args:
        wanted: ``training.precision``.
        build: Returns the model, compiled, under a policy, and what plugins changed of its training steps.
        batch: Images and targets of one batch, for the measurement.

    ``auto`` never fails for bfloat16's sake: a network that cannot be built or trained in it is trained in float32.
    """
    if wanted != "auto":
        return Precision(BFLOAT16 if wanted == "bfloat16" else FLOAT32, "set in the recipe")
    if not has_bfloat16():
        return Precision(FLOAT32, "this hardware has no bfloat16 arithmetic")
    path = _memory_path(*build(FLOAT32), batch[0].shape)
    try:
        return Precision(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        models = {FLOAT32: build(FLOAT32)[0]}
        models[FLOAT32].train_on_batch(*batch)  # the first step compiles; what fails in it is no fault of bfloat16
        try:
            models[BFLOAT16] = build(BFLOAT16)[0]
            models[BFLOAT16].train_on_batch(*batch)
        except Exception as error:  # anybody's layers
            if is_out_of_memory(error):
                raise
            return Precision(FLOAT32, f"bfloat16 fails: {_in_short(error)}")  # not remembered: it may be mended
        measured = _measure(models, batch)
        files.write_json(path, asdict(measured))
        return measured


def precision_setting(policy: str) -> str:
    """Return the value of ``training.precision`` that always gives this policy."""
    return policy.removeprefix("mixed_")


def has_bfloat16() -> bool:
    """Return whether the device that trains computes in bfloat16."""
    capability = _gpu_compute_capability()
    if capability is not None:
        return capability >= _MIN_COMPUTE_CAPABILITY
    return any(flag in cpu_flags() for flag in _CPU_FLAGS)


def _in_short(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__


def _measure(models: Mapping[str, keras.Model], batch: tuple[np.ndarray, np.ndarray]) -> Precision:
    seconds: dict[str, list[float]] = {policy: [] for policy in models}
    for _ in range(_STEPS):
        for policy, model in models.items():  # in turn, so that other work on the machine slows both alike
            start = time.perf_counter()
            model.train_on_batch(*batch)
            seconds[policy].append(time.perf_counter() - start)
    rates = {policy: len(batch[0]) / statistics.median(times) for policy, times in seconds.items()}
    reason = f"measured: bfloat16 {rates[BFLOAT16]:.0f}, float32 {rates[FLOAT32]:.0f} images/s"
    return Precision(max(rates, key=lambda policy: rates[policy]), reason)


def _memory_path(model: keras.Model, steps: Mapping[str, Sequence[str]], batch_shape: tuple[int, ...]) -> Path:
    network = [[_facts(layer) for layer in leaves(model)], [list(weight.shape) for weight in model.weights]]
    machine = [cpu_model(), num_processors(), _gpu_compute_capability()]
    facts = [network, steps, batch_shape, machine, keras.__version__, keras.backend.backend()]
    key = hashlib.blake2b(json.dumps(facts, default=str).encode(), digest_size=12).hexdigest()
    return cache_dir() / "precision" / f"{key}.json"


def _facts(layer: keras.layers.Layer) -> dict[str, Any]:
    """Return all that decides a layer's arithmetic, without the name that Keras makes up in each process."""
    try:
        config = layer.get_config()
    except NotImplementedError:
        config = {}
    return {**config, "name": type(layer).__name__}


def _gpu_compute_capability() -> float | None:
    """Return the compute capability of the first NVIDIA device in use, or None if training runs on the CPU."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability") if gpus else None
        return capability[0] + capability[1] / 10 if capability else None
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        return float(getattr(device, "compute_capability", 0)) if device.platform == "gpu" else None
    return None
