"""SavedModel: takes the bytes of files, or decoded pixels, and needs TensorFlow alone."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from cnnforge.runs import TrainedRun
from cnnforge_export.decode import decode_files
from cnnforge_export.network import every_class


def write(trained: TrainedRun, path: Path) -> None:
    """Write a folder with two signatures.

    ``serving_default`` takes ``files``, the bytes of JPEG and PNG files, shape (images,); ``pixels`` takes ``images``
    at the size of the network, uint8. Both return ``probabilities`` and ``class_names``, shape (images, classes), and
    ``predicted``, the name of the most probable class, shape (images,).
    """
    names = tf.constant(trained.class_names)

    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = every_class(trained.model(images, training=False))
        return {
            "probabilities": probabilities,
            "predicted": tf.gather(names, tf.argmax(probabilities, axis=1)),
            "class_names": tf.repeat(names[None, :], tf.shape(probabilities)[0], axis=0),
        }

    def from_files(files: tf.Tensor) -> dict[str, tf.Tensor]:
        return classify(decode_files(files, trained.decoding))

    def from_pixels(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return classify(tf.cast(images, tf.float32))

    module = tf.Module()  # Keras's own archive would hold every weight twice
    module.weights = [variable.value for variable in trained.model.variables]
    files = tf.TensorSpec((None,), tf.string, name="files")
    images = tf.TensorSpec((None, *trained.decoding.shape), tf.uint8, name="images")
    signatures = {
        "serving_default": tf.function(from_files, input_signature=[files]),
        "pixels": tf.function(from_pixels, input_signature=[images]),
    }
    tf.saved_model.save(module, str(path), signatures=signatures)
