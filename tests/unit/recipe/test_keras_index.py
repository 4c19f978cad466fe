"""What Keras offers, read from its source, is what Keras offers."""

from __future__ import annotations

import inspect

import pytest

from cnnforge.errors import RecipeError
from cnnforge.recipe import keras_names as keras_index

KINDS = ("optimizers", "schedules", "losses", "metrics", "callbacks")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_class_found_in_the_source_is_in_keras_with_these_arguments(kind):
    import keras

    module = keras.optimizers.schedules if kind == "schedules" else getattr(keras, kind)
    found = keras_index._classes(kind)
    for known in found.values():
        parameters = inspect.signature(getattr(module, known.name).__init__).parameters.values()
        named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        required = {name for name, p in named.items() if p.default is p.empty}
        assert known.arguments in (None, set(named) - {"self"}), known.name
        assert known.arguments is None or known.required == required - {"self"}, known.name


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_class_of_keras_is_found_in_the_source(kind):
    import keras

    module = keras.optimizers.schedules if kind == "schedules" else getattr(keras, kind)
    public = {name for name, value in vars(module).items() if inspect.isclass(value)}
    found = {known.name for known in keras_index._classes(kind).values()}
    assert found
    assert public - found <= keras_index._BASE_CLASSES | {"LegacyOptimizerWarning"}


@pytest.mark.parametrize(
    ("kind", "name", "arguments"),
    [
        ("optimizers", "rmsprop", {"rho": 0.9, "momentum": 0.1}),
        ("optimizers", "RMSprop", {}),
        ("optimizers", "adamw", {"weight_decay": 0.01, "clipnorm": 1.0}),
        ("schedules", "cosine", {"warmup_epochs": 2}),
        ("schedules", "CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 10}),
        ("losses", "auto", {}),
        ("losses", "binary_crossentropy", {"label_smoothing": 0.1}),
        ("metrics", "accuracy", {}),
        ("metrics", "auc", {"num_thresholds": 100}),
        ("schedules", "exponential_decay", {"decay_steps": 10, "decay_rate": 0.9}),
        ("callbacks", "early-stopping", {"patience": 3}),
        ("callbacks", "my.package:Callback", {"anything": 1}),
    ],
)
def test_keras_names_in_any_spelling_pass(kind, name, arguments):
    keras_index.check("key", kind, name, arguments)


@pytest.mark.parametrize(
    ("kind", "name", "arguments", "message"),
    [
        ("optimizers", "rmsporp", {}, "key: unknown name 'rmsporp'. Did you mean 'RMSprop'? Available: Adadelta, "),
        ("optimizers", "rmsprop", {"roh": 0.9}, "key: rmsprop has no argument 'roh'. Did you mean 'rho'? Known: "),
        ("optimizers", "adam", {"learning_rate": 0.1}, "expected the learning rate in training.learning_rate"),
        ("schedules", "cosine", {"warmup": 2}, "cosine has no argument 'warmup'. Did you mean 'warmup_epochs'?"),
        ("losses", "auto", {"label_smoothing": 1}, "auto has no argument 'label_smoothing'. Known: none"),
        ("metrics", "MeanIoU", {}, "key: expected MeanIoU with num_classes, received it without"),
        ("schedules", "ExponentialDecay", {"decay_rate": 0.9}, "expected ExponentialDecay with decay_steps, received"),
        ("callbacks", "callback", {}, "key: unknown name 'callback'."),
        ("metrics", "acuracy", {}, "Did you mean 'accuracy'?"),
        ("callbacks", "EarlyStoping", {}, "Did you mean 'EarlyStopping'?"),
        ("callbacks", "zzzzzzzz", {}, "key: unknown name 'zzzzzzzz'. Available: "),
    ],
)
def test_unknown_names_and_arguments_are_answered_with_the_close_one(kind, name, arguments, message):
    with pytest.raises(RecipeError) as caught:
        keras_index.check("key", kind, name, arguments)
    assert message in str(caught.value)
