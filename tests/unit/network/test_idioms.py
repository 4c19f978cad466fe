"""Networks in any idiom of Keras: what is built of them, what is refused, and what Normalization layers adapt to."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers

import cnnforge
from cnnforge.errors import PluginError
from cnnforge.host import Entry
from cnnforge.network import Predictor, adapt_normalization, build_network, trains_itself, unadapted

pytestmark = pytest.mark.slow

SHAPE = (12, 10, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (5, *SHAPE), np.uint8)

Make = Callable[[keras.KerasTensor, keras.KerasTensor], keras.Model]


def built(make: Make, monkeypatch: pytest.MonkeyPatch, num_classes: int = 3) -> keras.Model:
    """Return what a run makes of a network, which is made of an image and features of it."""

    def build(options: object, *, input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
        images = keras.Input(input_shape)
        return make(images, layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(images))))

    monkeypatch.setattr("tests.unit.network.test_idioms.build", build, raising=False)
    spec = cnnforge.ArchitectureSpec(name="net", summary="net", build="tests.unit.network.test_idioms:build")
    return build_network(Entry(spec, "acme"), cnnforge.Options(), SHAPE, num_classes)


def softmax(x: keras.KerasTensor) -> keras.KerasTensor:
    return cnnforge.head(x, 3)


class AddsLoss(layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.mean(x**2))
        return x


class Plain(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.normalize = layers.Normalization()
        self.classify = layers.Dense(3, activation="softmax", dtype="float32")

    def call(self, images):
        return self.classify(keras.ops.mean(self.normalize(images), axis=(1, 2)))


class Heads(Plain):
    def call(self, images):
        return {"probabilities": super().call(images), "other": keras.ops.mean(images, axis=(1, 2))}


class OwnStep(keras.Model):
    def train_step(self, data):
        return super().train_step(data)


class OwnLoss(Plain):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight, training) + keras.ops.mean(x)


class Inner(layers.Layer):
    """A layer with a Normalization of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.normalize = layers.Normalization()

    def build(self, shape):
        self.normalize.build(shape)

    def call(self, x):
        return self.normalize(x)


@pytest.mark.parametrize(
    "make",
    [
        lambda images, x: Plain(),
        lambda images, x: Heads(),
        lambda images, x: keras.Sequential([layers.Flatten(), layers.Dense(3, activation="softmax")]),
        lambda images, x: keras.Model(images, {"probabilities": softmax(x), "other": layers.Dense(2)(x)}),
        lambda images, x: keras.Model(images, layers.Dense(3, activation="softmax", dtype="float16")(x)),
        lambda images, x: keras.Model(images, layers.Dense(3, activation="softmax", dtype="float64")(x)),
        lambda images, x: OwnStep(images, softmax(x)),
        lambda images, x: OwnLoss(),
    ],
    ids=[
        "subclass",
        "dict of a subclass",
        "open sequential",
        "two heads",
        "float16",
        "float64",
        "own step",
        "subclass with own loss",
    ],
)
def test_gives_probabilities_alone(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    model = built(make, monkeypatch)
    assert model.variables
    probabilities = Predictor(model)(IMAGES)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=2e-3)


def test_of_two_heads_the_one_called_probabilities_is_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    whole: list[keras.Model] = []

    def two_heads(images: keras.KerasTensor, x: keras.KerasTensor) -> keras.Model:
        outputs = {"another": cnnforge.head(x, 3, name="another"), "probabilities": softmax(x)}
        whole.append(keras.Model(images, outputs))
        return whole[0]

    model = built(two_heads, monkeypatch)
    np.testing.assert_allclose(model(IMAGES), whole[0](IMAGES)["probabilities"], atol=1e-6)
    assert len(whole[0].trainable_variables) - len(model.trainable_variables) == 2  # nothing would train another's


def test_a_head_that_adds_to_the_loss_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def teaching(images: keras.KerasTensor, x: keras.KerasTensor) -> keras.Model:
        return keras.Model(images, {"probabilities": softmax(x), "other": AddsLoss()(layers.Dense(2)(x))})

    model = built(teaching, monkeypatch)
    model(IMAGES)
    assert len(model.losses) == 1
    assert len(model.trainable_variables) == 6


@pytest.mark.parametrize(
    ("make", "received"),
    [
        (lambda images, x: keras.Model(images, [softmax(x), layers.Dense(2)(x)]), "received a list"),
        (lambda images, x: keras.Model(images, {"a": softmax(x), "b": x}), "received a, b"),
        (lambda images, x: keras.Model([images, keras.Input((2,))], softmax(x)), "expected input shape"),
        (lambda images, x: OwnStep(images, {"probabilities": softmax(x), "b": x}), "to have one output"),
        (lambda images, x: keras.Model(images, softmax(layers.Dense(3)(images))), "expected output shape"),
    ],
    ids=["list", "names", "two inputs", "own step with two heads", "map"],
)
def test_what_cannot_be_trained_is_refused_in_words(make: Make, received: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PluginError, match=f"architecture 'net' of plugin acme: .*{received}"):
        built(make, monkeypatch)


def test_own_training_is_told_from_keras_s() -> None:
    image = keras.Input((2,))
    assert not trains_itself(keras.Model(image, image))
    assert not trains_itself(keras.Sequential([image]))
    assert not trains_itself(Plain())
    assert trains_itself(OwnStep(image, image))


@pytest.mark.parametrize("where", ["at the start", "twice", "within a layer", "within a network", "of a subclass"])
def test_normalization_layers_get_the_statistics_of_what_reaches_them(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = keras.Input(SHAPE)
    model: keras.Model
    if where == "of a subclass":
        plain = Plain()
        model, last = built(lambda images, x: plain, monkeypatch), plain.normalize
    else:
        first, last = layers.Normalization(), layers.Normalization()
        if where == "within a layer":
            inner = Inner()
            x, last = inner(images), inner.normalize
        elif where == "within a network":
            x = keras.Sequential([images, last])(images)
        else:
            x = last(layers.Rescaling(2.0, offset=7.0)(first(images)) if where == "twice" else images)
        model = keras.Model(images, x)
    count = len(unadapted(model))
    assert adapt_normalization(model, IMAGES) == count == (2 if where == "twice" else 1)
    assert not unadapted(model)
    if where != "of a subclass":
        outputs = np.asarray(model(IMAGES))
        np.testing.assert_allclose(outputs.mean(axis=(0, 1, 2)), 0, atol=1e-4)
        np.testing.assert_allclose(outputs.std(axis=(0, 1, 2)), 1, atol=1e-4)
    else:
        np.testing.assert_allclose(np.asarray(last.mean).ravel(), IMAGES.mean(axis=(0, 1, 2)), rtol=1e-5)


def test_statistics_that_a_normalization_has_stay() -> None:
    given, adapted = layers.Normalization(mean=3.0, variance=4.0), layers.Normalization()
    adapted.adapt(IMAGES[:2].astype("float32"))
    before = np.array(adapted.mean)
    model = keras.Sequential([keras.Input(SHAPE), given, adapted])
    assert adapt_normalization(model, IMAGES) == 0
    np.testing.assert_array_equal(adapted.mean, before)
