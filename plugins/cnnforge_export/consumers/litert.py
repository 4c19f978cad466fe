"""Classify image files; needs ai-edge-litert, NumPy and Pillow: python classify.py FILE..."""

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace

from ai_edge_litert.interpreter import Interpreter
from photographs import read_photograph  # beside this script

here = Path(__file__).parent
facts = json.loads((here / "export.json").read_text(encoding="utf-8"))
settings = SimpleNamespace(**facts["input"])
classify = Interpreter(str(here / "model.tflite")).get_signature_runner()
table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["file", "predicted", *(f"p_{name}" for name in facts["class_names"])])
for name in sys.argv[1:]:
    images = read_photograph(Path(name).read_bytes(), settings)[None]
    probabilities = classify(images=images)["probabilities"][0]
    predicted = facts["class_names"][probabilities.argmax()]
    table.writerow([name, predicted, *(f"{p:.9g}" for p in probabilities)])
