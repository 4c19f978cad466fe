"""What ``check_backend`` starts under another backend: builds the network, gives it the weights, writes outputs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cnnforge.deferred import import_deferred
from cnnforge.specs import ArchitectureSpec
from cnnforge.testing.network import Network, outputs_of
from cnnforge.training.weights import load_weights


def main(task_json: str) -> None:
    """Do the task that the argument describes."""
    task = json.loads(task_json)
    owner: Any = import_deferred(":".join(task["options"]), "options")
    options = owner.model_validate_json(json.dumps(task["values"]))
    network = Network(ArchitectureSpec(**task["spec"]), options, tuple(task["input_shape"]))
    folder = Path(task["folder"])
    model = network.try_to_build()
    load_weights(model, folder / "weights.npz")
    np.save(folder / "outputs.npy", outputs_of(model, np.load(folder / "images.npy")), allow_pickle=False)


if __name__ == "__main__":
    main(sys.argv[1])
