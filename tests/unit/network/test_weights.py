"""Checkpoints: what is saved is what is loaded, and what cannot be written is an error, not the end of the process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest

from cnnforge.errors import StorageError
from cnnforge.network.weights import load_weights, save_weights


def network(units: int = 4) -> keras.Model:
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(units, 3)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(1)(x))


def values(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(v)) for v in model.variables]


def test_what_a_normalization_was_adapted_to_comes_back(tmp_path: Path) -> None:
    def normalized() -> keras.Model:
        inner = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Normalization()])
        return keras.Sequential([keras.Input((4, 4, 3)), inner])

    images = np.random.default_rng(0).normal(5, 3, (16, 4, 4, 3))
    model, other = normalized(), normalized()
    model.layers[0].layers[0].adapt(images)
    save_weights(model, tmp_path / "best.npz")
    load_weights(other, tmp_path / "best.npz")
    np.testing.assert_array_equal(other(images), model(images))
    assert abs(float(np.mean(other(images)))) < 1e-3


def test_every_variable_comes_back(tmp_path: Path) -> None:
    model, other = network(), network()
    model.compile(loss="mse", optimizer="adam")
    model.fit(np.random.default_rng(0).random((8, 8, 8, 3)), np.zeros((8, 1)), verbose=0)
    save_weights(model, tmp_path / "best.npz")
    load_weights(other, tmp_path / "best.npz")
    assert len(values(other)) == 9  # two kernels and biases, four of the normalization, the seed of dropout
    for saved, loaded in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(saved, loaded)
    assert [path.name for path in tmp_path.iterdir()] == ["best.npz"]


def test_weights_of_another_network_and_damaged_files_are_refused(tmp_path: Path) -> None:
    save_weights(network(), tmp_path / "best.npz")
    with pytest.raises(StorageError, match="those of another"):
        load_weights(network(5), tmp_path / "best.npz")
    whole = (tmp_path / "best.npz").read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole[:200] + b"?" * 40 + whole[240:]):
        (tmp_path / "best.npz").write_bytes(damaged)
        with pytest.raises(StorageError, match="cannot read"):
            load_weights(network(), tmp_path / "best.npz")


def test_a_full_disk_is_an_error_and_the_last_good_weights_stay(tmp_path: Path) -> None:
    code = f"""
        import resource, signal, sys
        from pathlib import Path
        from cnnforge.errors import StorageError
        from cnnforge.network.weights import save_weights
        from tests.unit.network.test_weights import network

        path = Path({str(tmp_path / "best.npz")!r})
        save_weights(network(), path)
        before = path.read_bytes()
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        try:
            save_weights(network(), path)
        except StorageError as error:
            assert path.read_bytes() == before
            assert len(list(path.parent.iterdir())) == 1
            sys.exit(42)
    """
    finished = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert finished.returncode == 42, finished.stderr
