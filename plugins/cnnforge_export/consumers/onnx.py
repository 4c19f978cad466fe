"""Classify image files; needs onnxruntime, NumPy and Pillow: python classify.py FILE..."""

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import onnxruntime
from photographs import read_photograph  # beside this script

here = Path(__file__).parent
facts = json.loads((here / "export.json").read_text(encoding="utf-8"))
settings = SimpleNamespace(**facts["input"])
session = onnxruntime.InferenceSession(here / "model.onnx")
table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["file", "predicted", *(f"p_{name}" for name in facts["class_names"])])
for name in sys.argv[1:]:
    images = read_photograph(Path(name).read_bytes(), settings, is_resized=False)[None]
    probabilities = session.run(["probabilities"], {"images": images})[0][0]
    predicted = facts["class_names"][probabilities.argmax()]
    table.writerow([name, predicted, *(f"{p:.9g}" for p in probabilities)])
