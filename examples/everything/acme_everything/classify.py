"""Classify image files; needs NumPy and Pillow: python classify.py FILE..."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

here = Path(__file__).parent
facts = json.loads((here / "export.json").read_text(encoding="utf-8"))
size = (facts["input"]["width"], facts["input"]["height"])
weights = np.load(here / "weights.npz")
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
    pixels = np.asarray(image.resize(size, Image.Resampling[facts["input"]["interpolation"].upper()]), np.float32)
    x = (pixels.reshape(*size[::-1], -1) - 127.5) / np.sqrt(np.float32(5000))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))
    maps = np.maximum(np.einsum("hwcij,ijcf->hwf", windows, weights["kernel"]) + weights["bias"], 0)
    outputs = maps.mean(axis=(0, 1)) @ weights["weights"] + weights["offset"]
    if len(outputs) == 1:
        probabilities = 1 / (1 + np.exp([outputs[0], -outputs[0]]))
    else:
        probabilities = np.exp(outputs - outputs.max()) / np.exp(outputs - outputs.max()).sum()
    predicted = facts["class_names"][probabilities.argmax()]
    table.writerow([name, predicted, *(f"{p:.9g}" for p in probabilities)])
