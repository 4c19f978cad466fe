"""Confident learning finds labels that were exchanged, and suspects nobody without reason."""

from __future__ import annotations

import numpy as np

from cnnforge_report.label_errors import suspects


def test_the_confident_joint_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 1])
    second = np.array([0.1, 0.2, 0.9, 0.8, 0.9, 0.4])  # thresholds: (0.9 + 0.8 + 0.1) / 3 = 0.6 and 0.7
    assert suspects(labels, np.stack([1 - second, second], axis=1)).tolist() == [2, 5]


def test_a_mistake_that_is_not_confident_is_no_suspect():
    labels = np.array([0, 0, 0, 1, 1, 1])
    second = np.array([0.1, 0.2, 0.6, 0.8, 0.9, 0.9])
    assert suspects(labels, np.stack([1 - second, second], axis=1)).tolist() == []


def test_exchanged_labels_are_found_among_several_classes_the_clearest_first():
    generator = np.random.default_rng(0)
    true = np.repeat(np.arange(4), 100)
    scores = generator.normal(size=(400, 4))
    scores[np.arange(400), true] += 6
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    labels = true.copy()
    exchanged = generator.choice(400, 20, replace=False)
    labels[exchanged] = (true[exchanged] + 1) % 4
    found = suspects(labels, probabilities)
    assert set(found.tolist()) <= set(exchanged.tolist())
    assert len(found) >= 18
    margins = probabilities[found, labels[found]] - probabilities[found].max(axis=1)
    assert (np.diff(margins) >= 0).all()


def test_a_class_without_images_is_never_claimed():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.1, 0.1, 0.8], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1]])
    assert suspects(labels, probabilities).tolist() == []
