"""Classify JPEG and PNG files; needs TensorFlow alone.

python classify.py FILE...            any photographs
python classify.py --pixels FILE...   PNG files at the size of the network, by the signature that takes pixels
"""

import csv
import json
import sys
from pathlib import Path

import tensorflow as tf

here = Path(__file__).parent
facts = json.loads((here / "export.json").read_text(encoding="utf-8"))
signatures = tf.saved_model.load(str(here / "model")).signatures
takes_pixels = "--pixels" in sys.argv
names = [name for name in sys.argv[1:] if name != "--pixels"]
table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["file", "predicted", *(f"p_{name}" for name in facts["class_names"])])
for start in range(0, len(names), 16):
    batch = names[start : start + 16]
    contents = [Path(name).read_bytes() for name in batch]
    if takes_pixels:
        images = [tf.io.decode_png(content, channels=facts["input"]["channels"]) for content in contents]
        outputs = signatures["pixels"](images=tf.stack(images))
    else:
        outputs = signatures["serving_default"](files=tf.constant(contents))
    rows = zip(batch, outputs["predicted"].numpy(), outputs["probabilities"].numpy(), strict=True)
    table.writerows([name, predicted.decode(), *(f"{p:.9g}" for p in row)] for name, predicted, row in rows)
