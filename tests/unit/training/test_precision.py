"""Which arithmetic is chosen, why, and that the choice is remembered."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from cnnforge.system import processors
from cnnforge.training import precision
from cnnforge.training.precision import choose_precision, precision_setting

BATCH = (np.zeros((4, 8, 8, 3), np.uint8), np.zeros((4, 1), np.float32))


class Builder:
    """Builds a tiny compiled network, its steps changed by plugins or not, and counts how often."""

    def __init__(self, **steps: list[str]) -> None:
        self.policies: list[str] = []
        self.steps = steps

    def __call__(self, policy: str) -> tuple[keras.Model, dict[str, list[str]]]:
        self.policies.append(policy)
        layers = [keras.Input((8, 8, 3), name="image"), keras.layers.Flatten(name="f"), keras.layers.Dense(1, name="d")]
        model = keras.Sequential(layers, name="tiny")
        model.compile(loss="mse")
        return model, self.steps


@pytest.mark.parametrize(("wanted", "policy"), [("bfloat16", "mixed_bfloat16"), ("float32", "float32")])
def test_what_the_recipe_says_is_taken_unmeasured(wanted: str, policy: str) -> None:
    builder = Builder()
    chosen = choose_precision(wanted, builder, BATCH)
    assert (chosen.policy, chosen.reason, builder.policies) == (policy, "set in the recipe", [])
    assert precision_setting(chosen.policy) == wanted


def test_hardware_without_bfloat16_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: False)
    builder = Builder()
    assert choose_precision("auto", builder, BATCH).policy == "float32"
    assert builder.policies == []


def test_both_are_measured_once_and_the_outcome_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    first, second = Builder(), Builder()
    chosen = choose_precision("auto", first, BATCH)
    assert chosen.policy in ("float32", "mixed_bfloat16")
    assert chosen.reason.startswith("measured: bfloat16 ")
    assert sorted(first.policies[1:]) == ["float32", "mixed_bfloat16"]
    assert choose_precision("auto", second, BATCH) == chosen
    assert second.policies == ["float32"]  # only to recognise the model
    (remembered,) = (tmp_path / "cache" / "precision").iterdir()
    remembered.write_text(json.dumps({"policy": "mixed_bfloat16", "reason": "told"}))
    assert choose_precision("auto", Builder(), BATCH).reason == "told"
    remembered.write_text("{")
    assert choose_precision("auto", Builder(), BATCH).reason.startswith("measured")


def test_another_batch_size_is_measured_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    choose_precision("auto", Builder(), BATCH)
    choose_precision("auto", Builder(), (BATCH[0][:2], BATCH[1][:2]))
    assert len(list((tmp_path / "cache" / "precision").iterdir())) == 2


def test_faster_steps_are_measured_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    plain = choose_precision("auto", Builder(), BATCH)
    faster = Builder(fast=["fused updates"])
    choose_precision("auto", faster, BATCH)
    assert sorted(faster.policies[1:]) == ["float32", "mixed_bfloat16"]
    assert len(list((tmp_path / "cache" / "precision").iterdir())) == 2
    assert choose_precision("auto", Builder(), BATCH) == plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model name\t: X\nflags\t\t: fpu avx512_bf16 sse\n", True),
        ("model name\t: X\nflags\t\t: fpu avx512f sse\n", False),
        ("Features\t: fp asimd bf16\n", True),
        ("", False),
    ],
)
def test_the_processors_own_account_decides(text: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors.platform, "system", lambda: "Linux")
    monkeypatch.setattr(processors.Path, "read_text", lambda self, encoding: text)
    monkeypatch.setattr(precision, "_gpu_compute_capability", lambda: None)
    assert precision.has_bfloat16() is expected
    for capability, has_it in ((7.5, False), (8.0, True), (9.0, True)):
        monkeypatch.setattr(precision, "_gpu_compute_capability", lambda capability=capability: capability)
        assert precision.has_bfloat16() is has_it


class NoBfloat16(keras.layers.Layer):
    """Works in float32 alone: it fails when it is built or when it computes."""

    def __init__(self, fails_in: str) -> None:
        super().__init__()
        self.fails_in = fails_in

    def build(self, shape: tuple[int | None, ...]) -> None:
        if self.fails_in == "build" and self.compute_dtype == "bfloat16":
            raise TypeError("no bfloat16\nin more words")

    def call(self, x):
        if self.fails_in == "call" and x.dtype == "bfloat16":
            raise TypeError("no bfloat16\nin more words")
        return x


@pytest.mark.parametrize("fails_in", ["build", "call"])
def test_where_bfloat16_fails_float32_is_taken_and_the_reason_said(
    fails_in: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)

    def build(policy: str) -> tuple[keras.Model, dict[str, list[str]]]:
        dtypes = {"dtype": policy}
        image, flatten = keras.Input((8, 8, 3)), keras.layers.Flatten(**dtypes)
        layer = NoBfloat16(fails_in)
        layer.dtype_policy = policy
        model = keras.Sequential([image, flatten, layer, keras.layers.Dense(1, **dtypes)])
        model.compile(loss="mse")
        return model, {}

    chosen = choose_precision("auto", build, BATCH)
    assert chosen.policy == "float32"
    assert chosen.reason.startswith("bfloat16 fails: TypeError: ")
    assert "\n" not in chosen.reason
    assert not (tmp_path / "cache" / "precision").exists()  # it may be mended


def test_want_of_memory_is_not_taken_for_bfloat16_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    builder = Builder()

    def build(policy: str) -> tuple[keras.Model, dict[str, list[str]]]:
        if policy != "float32":
            raise MemoryError
        return builder(policy)

    with pytest.raises(MemoryError):
        choose_precision("auto", build, BATCH)


def test_networks_that_differ_in_a_regularizer_alone_are_measured_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)

    def path(regularizer: str | None) -> Path:
        dense = keras.layers.Dense(1, activity_regularizer=regularizer)
        return precision._memory_path(keras.Sequential([keras.Input((4,)), dense]), {}, (2, 4))

    assert path("l1") != path(None)
    assert path("l1") == path("l1")
