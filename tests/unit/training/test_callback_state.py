"""What callbacks remember, saved and given back."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import pytest

from cnnforge.errors import RecipeError
from cnnforge.training.callback_state import capture_callbacks, restore_callbacks


def passed_on(callback: keras.callbacks.Callback, fresh: keras.callbacks.Callback) -> dict[str, Any]:
    """Give a fresh callback the state of another, by way of JSON, and return its attributes."""
    arrays: dict[str, np.ndarray] = {}
    saved = json.loads(json.dumps(capture_callbacks([callback], arrays)))
    restore_callbacks([fresh], saved, arrays)
    return vars(fresh)


def model() -> keras.Model:
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    made.compile(loss="mse")
    return made


def test_early_stopping_goes_on_counting_and_still_knows_which_way_is_better() -> None:
    first, second = (
        keras.callbacks.EarlyStopping(monitor="loss", patience=3, min_delta=0.1, restore_best_weights=True)
        for _ in range(2)
    )
    network = model()
    for callback in (first, second):
        callback.set_model(network)
        callback.on_train_begin()
    for epoch, loss in enumerate([1.0, 0.95, 0.93]):
        first.on_epoch_end(epoch, {"loss": loss})
    passed_on(first, second)
    assert (second.wait, second.best, second.best_epoch) == (2, 1.0, 0)
    assert second.monitor_op is keras.ops.less
    assert second.min_delta == first.min_delta == -0.1
    for one, other in zip(first.best_weights, second.best_weights, strict=True):
        np.testing.assert_array_equal(one, other)
    second.on_epoch_end(3, {"loss": 0.92})
    assert network.stop_training


class Anything(keras.callbacks.Callback):
    pass


def test_plain_values_of_every_kind_come_back_and_others_stay_as_they_were() -> None:
    callback, fresh = Anything(), Anything()
    callback.plain = {"a": (1, 2.5, None), 3: [True, "text", float("inf")], "array": np.arange(3)}
    callback.number = np.float32(0.5)
    callback.params = {"epochs": 10}
    callback.file = object()
    fresh.file, fresh.params = "mine", {"epochs": 20}
    state = passed_on(callback, fresh)
    assert state["plain"]["a"] == (1, 2.5, None)
    assert state["plain"][3] == [True, "text", float("inf")]
    assert state["plain"]["array"].tolist() == [0, 1, 2]
    assert state["number"] == np.float32(0.5)
    assert (state["file"], state["params"]) == ("mine", {"epochs": 20})


class Own(keras.callbacks.Callback):
    secret = 0

    def get_state(self) -> dict[str, Any]:
        return {"secret": self.secret}

    def set_state(self, state: dict[str, Any]) -> None:
        self.secret = state["secret"] + 1


def test_a_callback_may_decide_itself() -> None:
    callback = Own()
    callback.secret = 41
    assert passed_on(callback, Own()) == {**vars(Own()), "secret": 42}


def test_other_callbacks_are_refused_unless_accepted() -> None:
    callback, arrays = Own(), {}
    callback.secret = 5
    saved = capture_callbacks([Anything(), callback], arrays)
    with pytest.raises(RecipeError, match="Anything, Own, received Own"):
        restore_callbacks([Own()], saved, arrays)
    fresh = Own()
    restore_callbacks([fresh, keras.callbacks.History()], saved, arrays, accept_changes=True)
    assert fresh.secret == 6
