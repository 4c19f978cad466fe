"""Classify image files; needs NumPy and Pillow: python classify.py FILE..."""

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from photographs import read_photograph  # beside this script

here = Path(__file__).parent
facts = json.loads((here / "export.json").read_text(encoding="utf-8"))
settings = SimpleNamespace(**facts["input"])
weights = np.load(here / "weights.npz")
table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["file", "predicted", *(f"p_{name}" for name in facts["class_names"])])
for name in sys.argv[1:]:
    pixels = read_photograph(Path(name).read_bytes(), settings).astype(np.float32)
    x = (pixels - 127.5) / np.sqrt(np.float32(5000))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))
    maps = np.maximum(np.einsum("hwcij,ijcf->hwf", windows, weights["kernel"]) + weights["bias"], 0)
    outputs = maps.mean(axis=(0, 1)) @ weights["weights"] + weights["offset"]
    if len(outputs) == 1:
        probabilities = 1 / (1 + np.exp([outputs[0], -outputs[0]]))
    else:
        probabilities = np.exp(outputs - outputs.max()) / np.exp(outputs - outputs.max()).sum()
    predicted = facts["class_names"][probabilities.argmax()]
    table.writerow([name, predicted, *(f"{p:.9g}" for p in probabilities)])
