from pathlib import Path

import keras
import numpy as np
from PIL import Image

import cnnforge
from cnnforge import errors


def build(input_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, cnnforge.head(keras.layers.Flatten()(inputs), num_classes))


run: cnnforge.Run = cnnforge.run("directory-cnn", data="flowers", settings={"epochs": 5}, model=build)
losses: list[float | None] = run.history["loss"]
accuracy: float | None = run.measures["accuracy"]
names: tuple[str, ...] = run.class_names
image = Image.open("a.jpg")
labels: list[str] = run.predict([image, np.asarray(image), Path("a.jpg"), b"", "flowers/*.jpg"]).labels
probabilities: np.ndarray = run.predict(image).probabilities
page: Path = run.explain("a.jpg")
folder: Path = run.export("onnx")
run.plot().save("curves.html")
run.model.summary()
runs: list[cnnforge.Run] = cnnforge.runs(status="finished")
study = cnnforge.tune("catsdogs", trials=4)
winner: cnnforge.Run = study.run_best()
verdicts: list[str] = cnnforge.compare(run, winner, "first").verdicts
verdict: str = cnnforge.reproduce(run).verdict
counts: dict[str, dict[str, int]] = cnnforge.check("flowers").splits
data = cnnforge.open_data("flowers")
images, targets = data.arrays("test")
shape: tuple[int, ...] = images.shape
try:
    cnnforge.load("nowhere")
except errors.RecipeError as error:
    hint: str | None = error.hint
