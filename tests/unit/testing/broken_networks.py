"""Architectures with one fault each, and a sound one; every function is named by a spec."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

import cnnforge


def sound(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, cnnforge.head(x, num_classes))


def body(input_shape, *, units=8):
    inputs = keras.Input(input_shape)
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = layers.Conv2D(units, 3, padding="same", activation="relu")(x)
    x = layers.BatchNormalization()(x)
    return inputs, layers.GlobalAveragePooling2D(name="features")(x)


def corner_fails(options, *, input_shape, num_classes):
    if options.units > 12:
        raise KeyError(options.units)
    return sound(options, input_shape=input_shape, num_classes=num_classes)


def draws_units(hp):
    return {"units": hp.Choice("units", [8, 16])}


def draws_too_few_units(hp):
    return {"units": hp.Int("units", 0, 8)}


def ignores_num_classes(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, cnnforge.head(x, 2))


def one_size_only(options, *, input_shape, num_classes):
    return sound(options, input_shape=(16, 16, 3), num_classes=num_classes)


def logits(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, layers.Dense(1 if num_classes == 2 else num_classes, dtype="float32")(x))


def head_in_bfloat16(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    units, activation = (1, "sigmoid") if num_classes == 2 else (num_classes, "softmax")
    return keras.Model(inputs, layers.Dense(units, activation=activation)(x))


def compiled(options, *, input_shape, num_classes):
    model = sound(options, input_shape=input_shape, num_classes=num_classes)
    model.compile("adam", "mse")
    return model


def own_randomness(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    kernel = np.random.default_rng().normal(size=(8, 4))
    x = layers.Dense(4, kernel_initializer=lambda shape, dtype: keras.ops.convert_to_tensor(kernel, dtype))(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes))


def idle_weight(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    idle = layers.Rescaling(0.0)(layers.Dense(8, name="idle")(x))
    return keras.Model(inputs, cnnforge.head(layers.Add()([x, idle]), num_classes))


def with_a_lambda(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, cnnforge.head(layers.Lambda(lambda value: value * 2)(x), num_classes))


@keras.saving.register_keras_serializable(package="broken_networks")
class Forgetful(layers.Layer):
    factor = 1.0

    def call(self, x):
        return x * self.factor


def forgets_when_saved(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    forgetful = Forgetful()
    forgetful.factor = 3.0
    return keras.Model(inputs, cnnforge.head(forgetful(x), num_classes))


def draws_a_number(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, cnnforge.head(layers.Rescaling(1 + float(keras.random.uniform(())))(x), num_classes))


def learns_nothing(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, cnnforge.head(layers.Rescaling(1e-9)(x), num_classes))


def all_frozen(options, *, input_shape, num_classes):
    model = sound(options, input_shape=input_shape, num_classes=num_classes)
    model.trainable = False
    return model


def index_error_when_small(options, *, input_shape, num_classes):
    sides = {16: 1, 32: 2, 33: 3, 47: 4}
    _ = [sides[side] for side in input_shape[:2]]
    return sound(options, input_shape=input_shape, num_classes=num_classes)


def average_of_nothing(options, *, input_shape, num_classes):
    inputs, x = keras.Input(input_shape), None
    x = layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(inputs)) if input_shape[0] > 8 else inputs[:, :0]
    return keras.Model(inputs, cnnforge.head(layers.GlobalAveragePooling2D()(x), num_classes))


def not_finite(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, cnnforge.head(keras.ops.log(x - 1000), num_classes))


@keras.saving.register_keras_serializable(package="broken_networks")
class InNumPy(layers.Layer):
    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, x):
        return keras.ops.convert_to_tensor(np.asarray(x) * 2)


def leaves_the_range(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    share = keras.initializers.Constant(1 / num_classes)
    return keras.Model(inputs, layers.Dense(num_classes, kernel_initializer="zeros", bias_initializer=share)(x))


class Noise(layers.Layer):
    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def call(self, x, training=False):
        return x + self.draw(x) if training else x


def noisy(input_shape, num_classes, draw):
    inputs, x = body(input_shape)
    return keras.Model(inputs, cnnforge.head(Noise(draw)(x), num_classes))


def draws_from_tensorflow(options, *, input_shape, num_classes):
    import tensorflow as tf

    return noisy(input_shape, num_classes, lambda x: tf.random.normal(tf.shape(x), dtype=x.dtype))


def draws_from_numpy(options, *, input_shape, num_classes):
    return noisy(input_shape, num_classes, lambda x: keras.ops.cast(np.random.normal(), x.dtype))


def draws_from_the_global_seed(options, *, input_shape, num_classes):
    return noisy(input_shape, num_classes, lambda x: keras.random.normal(keras.ops.shape(x), dtype=x.dtype))


@keras.saving.register_keras_serializable(package="tests")
class KeptNoise(layers.Layer):
    """Draws from a generator that the layer keeps, so that checkpoints hold it."""

    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.generator = keras.random.SeedGenerator(3)

    def call(self, x, training=False):
        return x + keras.random.normal(keras.ops.shape(x), 0, 0.1, x.dtype, seed=self.generator) if training else x


def draws_by_keras(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, cnnforge.head(KeptNoise()(x), num_classes))


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """A subclass whose layers are built by its first call; with a second output that teaches by ``add_loss``."""

    def __init__(self, num_classes, two_heads=False, **keywords):
        super().__init__(**keywords)
        self.num_classes, self.two_heads = num_classes, two_heads
        self.scale = layers.Rescaling(1 / 127.5, offset=-1)
        self.convolution = layers.Conv2D(8, 3, padding="same", activation="relu")
        self.normalization = layers.BatchNormalization()
        self.pool = layers.GlobalAveragePooling2D()
        units, activation = (1, "sigmoid") if num_classes == 2 else (num_classes, "softmax")
        self.classify = layers.Dense(units, activation=activation, dtype="float32")
        self.other = layers.Dense(4) if two_heads else None

    def call(self, images, training=False):
        x = self.pool(self.normalization(self.convolution(self.scale(images)), training=training))
        if self.other is None:
            return self.classify(x)
        other = self.other(x)
        self.add_loss(1e-3 * keras.ops.mean(keras.ops.cast(other, "float32") ** 2))
        return {"probabilities": self.classify(x), "other": other}

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes, "two_heads": self.two_heads}


def subclassed(options, *, input_shape, num_classes):
    model = Subclassed(num_classes)
    model.build((None, *input_shape))
    return model


def two_heads_subclassed(options, *, input_shape, num_classes):
    return Subclassed(num_classes, two_heads=True)


def two_heads(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, {"probabilities": cnnforge.head(x, num_classes), "early": layers.Dense(2)(x)})


@keras.saving.register_keras_serializable(package="tests")
class OwnLoss(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        return loss + 1e-6 * keras.ops.mean(keras.ops.cast(x, "float32"))


def own_loss(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return OwnLoss(inputs, cnnforge.head(x, num_classes))


def not_exportable(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, cnnforge.head(InNumPy()(x), num_classes))


def fails(options, *, input_shape, num_classes):
    raise ZeroDivisionError("division by zero")
