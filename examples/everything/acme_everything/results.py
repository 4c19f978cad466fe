"""A measure, a section of the report and an explainer."""

import tomllib

import keras
import numpy as np


def worst_class(predictions):
    right = predictions.predicted == predictions.labels
    return min(float(right[predictions.labels == label].mean()) for label in np.unique(predictions.labels))


def note(files):
    return tomllib.loads(files.recipe_text).get("acme", {}).get("note", "")


def gradient(model, images, classes):
    """How much each pixel changes the answer, by differences of a darker image: a map without any layer's help."""
    darker = (images * 0.9).astype(images.dtype)
    before, after = model.predict_on_batch(images), model.predict_on_batch(darker)
    strength = np.abs(np.asarray(before) - np.asarray(after)).max(axis=1)[:, None, None]
    contrast = np.abs(images.astype(np.float32) - images.mean(axis=(1, 2), keepdims=True)).mean(axis=3)
    maps = contrast * (strength + keras.config.epsilon())
    return maps / np.maximum(maps.max(axis=(1, 2), keepdims=True), keras.config.epsilon())
