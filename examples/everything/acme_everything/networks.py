"""A network of one convolution."""

import keras

import cnnforge


def build(options, *, input_shape, num_classes):
    inputs = keras.Input(input_shape)
    x = keras.layers.Normalization(mean=127.5, variance=5000.0, axis=None)(inputs)
    x = keras.layers.Conv2D(options.filters, 3, activation="relu", name="convolution")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, cnnforge.head(x, num_classes))


def adapt(model, images):
    """Start the convolution at filters that see the images' own contrast."""
    kernel, bias = model.get_layer("convolution").get_weights()
    model.get_layer("convolution").set_weights([kernel * 64 / max(images.std(), 1.0), bias])
