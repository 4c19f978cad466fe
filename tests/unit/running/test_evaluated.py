"""The hook ``cnnforge_evaluated``: what plugins are given, what they say, and what becomes of one that fails."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import cnnforge
from cnnforge.errors import DataError
from cnnforge.host import PluginHost, Registry
from cnnforge.running.steps import tell_of_evaluation
from cnnforge_evaluate.selection import _check_classes


class Surest:
    @cnnforge.hookimpl
    def cnnforge_evaluated(self, run, predictions, pixels):
        return [f"{run} {predictions.split} {pixels(np.array([2, 0])).tolist()}"]


class Failing:
    @cnnforge.hookimpl
    def cnnforge_evaluated(self, model):
        raise OSError(f"no space left for {model}")


class Listener:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []
        self.say, self.warn = self.said.append, self.warned.append


def test_plugins_keep_what_they_want_and_one_that_fails_is_a_warning():
    host, listener = PluginHost(), Listener()
    host.register(Failing(), "acme:failing")
    host.register(Surest(), "acme:surest")
    data = SimpleNamespace(
        manifest=SimpleNamespace(rows=lambda split: np.array([10, 11, 12])),
        rows=SimpleNamespace(gather=lambda rows: rows * 2),
    )
    predictions = SimpleNamespace(split="test")
    timed: list[str] = []
    context = SimpleNamespace(run="run", registry=Registry(host), reporter=listener, note_seconds=timed.append)
    tell_of_evaluation(context, "model", data, predictions)
    assert timed == ["explanation"]
    assert listener.said == ["run test [24, 20]"]
    assert listener.warned == ["plugin acme:failing: hook cnnforge_evaluated failed: OSError: no space left for model"]


@pytest.mark.parametrize(("known", "received"), [("1", "1.0"), ("7", "007"), ("Straße", "STRASSE"), ("ab", "a\u2800b")])
def test_another_spelling_of_a_class_of_the_run_is_named(known, received):
    with pytest.raises(DataError) as caught:
        _check_classes([known, "other"], [received, "other"])
    assert f"+ {received}: not a class of the run. Did you mean {known!r}?" in str(caught.value)
