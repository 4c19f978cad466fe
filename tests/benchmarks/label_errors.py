"""Our confident learning against cleanlab's, on made-up predictions: pip install cleanlab, then run this file."""

from __future__ import annotations

import numpy as np
from cleanlab.filter import find_label_issues

from cnnforge_report.label_errors import suspects

NUM_DATA_SETS = 200


def data_set(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels, a tenth of them drawn anew, and the probabilities of a network that is more or less good."""
    num_classes, num_images = int(generator.integers(2, 12)), int(generator.integers(50, 800))
    labels = generator.integers(0, num_classes, num_images)
    scores = generator.normal(size=(num_images, num_classes)) * 1.5
    scores[np.arange(num_images), labels] += generator.uniform(0, 4)
    wrong = generator.random(num_images) < 0.1
    labels[wrong] = generator.integers(0, num_classes, wrong.sum())
    exponentials = np.exp(scores)
    return labels, exponentials / exponentials.sum(axis=1, keepdims=True)


def main() -> None:
    generator, num_equal = np.random.default_rng(0), 0
    for _ in range(NUM_DATA_SETS):
        labels, probabilities = data_set(generator)
        theirs = find_label_issues(
            labels,
            probabilities,
            filter_by="confident_learning",
            return_indices_ranked_by="normalized_margin",
            n_jobs=1,
        ).tolist()
        ours = suspects(labels, probabilities).tolist()
        num_equal += ours == theirs
        if ours != theirs:
            print(f"only theirs: {sorted(set(theirs) - set(ours))}  only ours: {sorted(set(ours) - set(theirs))}")
    print(f"{num_equal} of {NUM_DATA_SETS} equal, order and all")


if __name__ == "__main__":
    main()
