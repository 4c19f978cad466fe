"""Classify image files; needs ai-edge-litert, NumPy and Pillow: python classify.py FILE..."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

here = Path(__file__).parent
facts = json.loads((here / "export.json").read_text(encoding="utf-8"))
size = (facts["input"]["width"], facts["input"]["height"])
classify = Interpreter(str(here / "model.tflite")).get_signature_runner()
table = csv.writer(sys.stdout, lineterminator="\n")
table.writerow(["file", "predicted", *(f"p_{name}" for name in facts["class_names"])])
for name in sys.argv[1:]:
    photograph = Image.open(name)
    if facts["input"]["interpolation"] != "nearest":  # JPEG files are reduced while they are decoded, as in training
        photograph.draft(None, size[::-1] if photograph.getexif().get(0x0112, 1) >= 5 else size)
    image = ImageOps.exif_transpose(photograph)
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        image = Image.new("RGB", opaque.size, tuple(facts["input"]["background"]))
        image.paste(opaque, mask=opaque.getchannel("A"))
    image = image.convert("L" if facts["input"]["channels"] == 1 else "RGB")
    image = image.resize(size, Image.Resampling[facts["input"]["interpolation"].upper()])
    images = np.asarray(image).reshape(1, size[1], size[0], facts["input"]["channels"])
    probabilities = classify(images=images)["probabilities"][0]
    predicted = facts["class_names"][probabilities.argmax()]
    table.writerow([name, predicted, *(f"{p:.9g}" for p in probabilities)])
