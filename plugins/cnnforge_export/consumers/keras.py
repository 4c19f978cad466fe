"""Classify image files; needs Keras, NumPy and Pillow: python classify.py FILE...

A network with layers of a plugin needs that plugin too: imports.json names the modules.
"""

import csv
import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
from photographs import read_photograph  # beside this script

here = Path(__file__).parent
facts = json.loads((here / "export.json").read_text(encoding="utf-8"))
settings = SimpleNamespace(**facts["input"])
imports = json.loads((here / "imports.json").read_text()) if (here / "imports.json").exists() else {}
own = {key: getattr(importlib.import_module(module), name) for key, (module, name) in imports.items()}
model = keras.saving.load_model(here / "model.keras", custom_objects=own, compile=False)
table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["file", "predicted", *(f"p_{name}" for name in facts["class_names"])])
for name in sys.argv[1:]:
    images = read_photograph(Path(name).read_bytes(), settings)[None].astype(np.float32)
    outputs = model.predict_on_batch(images)[0]
    probabilities = np.concatenate([1 - outputs, outputs]) if len(outputs) == 1 else outputs
    predicted = facts["class_names"][probabilities.argmax()]
    table.writerow([name, predicted, *(f"{p:.9g}" for p in probabilities)])
