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


def not_exportable(options, *, input_shape, num_classes):
    inputs, x = body(input_shape)
    return keras.Model(inputs, cnnforge.head(InNumPy()(x), num_classes))


def fails(options, *, input_shape, num_classes):
    raise ZeroDivisionError("division by zero")
