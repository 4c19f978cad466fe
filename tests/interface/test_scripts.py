"""What newcomers write: scripts of a few lines, from training to an exported network."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cnnforge
from cnnforge import errors
from cnnforge.running import RunDir, hold_run
from cnnforge.system import read_lines
from tests.interface.conftest import SETTINGS

pytestmark = pytest.mark.slow

_TIMES = ("seconds", "training_seconds", "waiting_seconds", "images_per_second")
_INTERRUPTING = """
import signal
import cnnforge

@cnnforge.hookimpl
def cnnforge_callbacks(run):
    import keras
    def end(epoch, logs):
        if epoch == 0:
            signal.raise_signal(signal.SIGINT)
    yield keras.callbacks.LambdaCallback(on_epoch_end=end)
"""


def build(input_shape, num_classes):
    import keras

    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(keras.layers.Rescaling(1 / 255)(inputs)))
    return keras.Model(inputs, cnnforge.head(x, num_classes))


def without_times(run: cnnforge.Run) -> list[dict]:
    return [{k: v for k, v in line.items() if k not in _TIMES} for line in read_lines(run.directory / "metrics.jsonl")]


def test_look_at_a_run(here: Path) -> None:
    run = cnnforge.load("first")
    assert run.status == "finished"
    assert run.class_names == ("blue", "green", "red")
    assert len(run.history["val_loss"]) == 2
    assert run.measures["accuracy"] == run.evaluation["accuracy"]
    assert run.recipe["training"]["epochs"] == 2
    assert "Loss over epochs" in run.plot().page
    assert run.plot().save(here / "curves.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run._repr_html_().startswith("<iframe")
    assert repr(run).startswith("Run('runs/first': finished, accuracy")
    assert [each.name for each in cnnforge.runs()][-1:] == ["first"]


def test_the_model_is_compiled_and_takes_images_as_they_are(here: Path) -> None:
    run = cnnforge.load("first")
    data = cnnforge.open_data("tiny", settings={"data.image_size": [24, 32]})
    images, labels = data.arrays("test")
    _, accuracy = run.model.evaluate(images, np.eye(3)[labels], verbose=0)
    assert accuracy == pytest.approx(run.measures["accuracy"])
    run.model.fit(images, np.eye(3)[labels], epochs=1, verbose=0)
    assert run.model is not run.trained.model


def test_predict_takes_images_as_people_have_them(here: Path) -> None:
    run, path = cnnforge.load("first"), here / "tiny/blue/blue_001.png"
    image = Image.open(path)
    pixels = np.asarray(image)
    same = [
        path,
        str(path),
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
        image,
        pixels,
        pixels[None],
        pixels / 255,
    ]
    found = run.predict(same)
    assert (found.probabilities == found.probabilities[0]).all()
    assert found.notes == ("floats of 0 to 1 were taken for fractions and multiplied by 255",)
    command = [sys.executable, "-m", "cnnforge", "predict", "runs/first", str(path), "--json"]
    printed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert found.to_dicts()[0] == printed[0]
    assert len(run.predict("tiny/red")) == len(run.predict("tiny/red/*.png")) == 12
    grey = Image.open(path).convert("L")
    both = run.predict([np.asarray(grey), grey])
    assert (both.probabilities[0] == both.probabilities[1]).all()
    assert "blue" in found._repr_html_()


def test_predict_takes_tensors(here: Path) -> None:
    import keras

    run = cnnforge.load("first")
    pixels = np.asarray(Image.open("tiny/red/red_001.png"))
    tensor = keras.ops.convert_to_tensor(np.stack([pixels, pixels]).astype("float32"))
    assert (run.predict(tensor).probabilities == run.predict(pixels).probabilities).all()


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 24, 32), np.uint8), "channels stand last"),
        (np.full((24, 32, 3), 300.0), "expected numbers 0 to 255, received 300"),
        (np.full((24, 32, 3), -1.0), "expected numbers 0 to 255, received -1"),
        (7, "expected images"),
        ("nowhere.png", "received none: nowhere.png"),
        (b"no image", "received none: image 0"),
    ],
)
def test_what_is_no_image_is_an_error(here: Path, images: object, message: str) -> None:
    with pytest.raises(errors.DataError) as caught:
        cnnforge.load("first").predict(images)  # type: ignore[arg-type]
    assert message in f"{caught.value} {caught.value.hint}"


def test_an_unreadable_image_among_others_keeps_its_row(here: Path) -> None:
    found = cnnforge.load("first").predict(["tiny/red/red_001.png", "nowhere.png"])
    assert found.labels[1] == ""
    assert np.isnan(found.probabilities[1]).all()
    assert list(found.errors) == ["nowhere.png"]


def test_evaluate_on_another_folder(here: Path) -> None:
    result = cnnforge.load("first").evaluate("tiny")
    assert result["num_images"] == 36
    assert Path(result["folder"]).is_dir()


def test_a_run_from_python_and_one_from_the_command_line_give_equal_files(here: Path) -> None:
    settings = ["--set", "epochs=2", "--set", "data.image_size=[24, 32]", "--set", "precision=float32"]
    command = ["run", "directory-cnn", "--data", "tiny", *settings, "--name", "shell"]
    subprocess.run([sys.executable, "-m", "cnnforge", *command], check=True, capture_output=True)
    ours, shells = cnnforge.load("first"), cnnforge.load("shell")
    for name in ("recipe.toml", "manifest.jsonl", "predictions.csv"):
        assert (ours.directory / name).read_bytes() == (shells.directory / name).read_bytes()
    assert without_times(ours) == without_times(shells)
    assert {p.name for p in ours.directory.iterdir()} - {"evaluations"} == {p.name for p in shells.directory.iterdir()}


def test_training_again_beside_the_users_own_models_gives_the_same_bits(here: Path) -> None:
    import keras

    keras.utils.set_random_seed(3)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        build((24, 32, 3), 3)
        before, number = np.random.get_state()[1].tolist(), keras.backend.get_uid("dense")
        run = cnnforge.run("directory-cnn", data="tiny", settings=SETTINGS)
        assert keras.config.dtype_policy().name == "mixed_float16"
        assert np.random.get_state()[1].tolist() == before
        assert keras.backend.get_uid("dense") == number + 1
    finally:
        keras.config.set_dtype_policy("float32")
    assert without_times(run) == without_times(cnnforge.load("first"))


def test_a_network_of_ones_own(here: Path) -> None:
    import keras

    run = cnnforge.run("directory-cnn", data="tiny", model=build, settings=SETTINGS)
    assert run.recipe["architecture"]["path"].endswith("test_scripts.py:build")
    assert (run.directory / "network.py").read_bytes() == Path(__file__).read_bytes()
    assert cnnforge.reproduce(run).verdict == "equal"
    other = cnnforge.run("directory-cnn", data="tiny", model=build((24, 32, 3), 3), settings=SETTINGS)
    assert (other.directory / "network.keras").is_file()
    compared = cnnforge.compare("first", run, other)
    assert set(compared.measures["Accuracy"]) == {"A", "B", "C"}
    assert "architecture.name" in compared.recipe_differences
    assert len(compared.verdicts) == 3
    assert compared._repr_html_().startswith("<iframe")
    page = run.explain("tiny/red/red_001.png")
    assert page.name == "index.html"
    with pytest.raises(errors.PluginError, match="expected output shape"):
        cnnforge.run(
            "directory-cnn", data="tiny", model=keras.Sequential([keras.Input((24, 32, 3)), keras.layers.Flatten()])
        )


def test_the_code_of_a_run_from_elsewhere_is_executed_only_if_it_is_named(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("net.py").write_text(
        "import keras, cnnforge\n"
        "def build(options, *, input_shape, num_classes):\n"
        "    inputs = keras.Input(input_shape)\n"
        "    x = keras.layers.GlobalAveragePooling2D()(inputs)\n"
        "    return keras.Model(inputs, cnnforge.head(keras.layers.Dense(options.width)(x), num_classes))\n"
    )
    settings = {**SETTINGS, "architecture.arguments.width": 5}
    run = cnnforge.run("directory-cnn", data="tiny", architecture="net.py:build", settings=settings)
    monkeypatch.setenv("CNNFORGE_DATA_DIR", str(tmp_path / "elsewhere"))
    for name in [name for name in sys.modules if name.startswith("cnnforge_network_")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(errors.RecipeError, match="given on this machine") as caught:
        cnnforge.load(run.directory).predict("tiny/red/red_001.png")
    assert "network.py" in str(caught.value.hint)
    loaded = cnnforge.load(run.directory, plugins=[run.directory / "network.py"])
    assert loaded.predict("tiny/red/red_001.png").labels


def test_data_for_a_loop_of_ones_own(here: Path) -> None:
    data = cnnforge.open_data("tiny", settings={"data.image_size": [24, 32], "batch_size": 8})
    model = build(data.input_shape, len(data.class_names))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(data.train, validation_data=data.validation, shuffle=False, epochs=2, verbose=0)
    assert len(history.history["val_loss"]) == 2
    images, labels = data.arrays("validation")
    assert images.dtype == np.uint8
    assert len(images) == len(labels) == len(data.manifest.rows("validation"))
    batches = [batch[0].numpy() for batch in data.to_tf("validation")]
    assert (np.concatenate(batches) == images).all()
    first = data.train[0][0]
    data.train.start_epoch(0)
    assert (
        data.train[0][0]
        == cnnforge.open_data("tiny", settings={"data.image_size": [24, 32], "batch_size": 8}).train[0][0]
    ).all()
    assert first.shape == (8, 24, 32, 3)
    with pytest.raises(errors.DataError, match="received split=all"):
        data.arrays("all")


def test_check_data(here: Path) -> None:
    summary = cnnforge.check("tiny")
    assert summary.class_names == ["blue", "green", "red"]
    assert sum(summary.splits["train"].values()) == 30
    assert "36 of 3 classes" in repr(summary)


def test_an_interrupt_saves_and_returns_a_run_that_resume_takes(here: Path) -> None:
    Path("interrupting.py").write_text(_INTERRUPTING)
    before = signal.getsignal(signal.SIGINT)
    run = cnnforge.run("directory-cnn", data="tiny", settings=SETTINGS, plugins=["interrupting.py"])
    assert run.status == "interrupted"
    assert signal.getsignal(signal.SIGINT) is before
    resumed = cnnforge.run(resume=run)
    assert resumed.directory == run.directory
    assert resumed.status == "finished"
    assert without_times(resumed) == without_times(cnnforge.load("first"))
    with hold_run(RunDir(run.directory)), pytest.raises(errors.BusyError):
        cnnforge.run(resume=run, settings={"epochs": 3}, accept_changes=True)


def test_a_wrong_setting_is_said_before_anything_is_made(here: Path) -> None:
    before = set(Path("runs").iterdir())
    for settings, message in (({"epoch": 1}, "Did you mean 'epochs'?"), ({"training.epochs": -1}, "training.epochs")):
        with pytest.raises(errors.RecipeError, match=message.replace("?", r"\?")):
            cnnforge.run("directory-cnn", data="tiny", settings=settings)
    with pytest.raises(errors.RecipeError, match="expected a function or a keras"):
        cnnforge.run("directory-cnn", data="tiny", model=7)  # type: ignore[arg-type]
    with pytest.raises(errors.RecipeError, match="received nowhere"):
        cnnforge.load("nowhere")
    assert set(Path("runs").iterdir()) == before


def test_a_plugin_that_is_switched_off_is_a_clear_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cnnforge.interface import registry

    monkeypatch.setenv("CNNFORGE_DISABLE_PLUGINS", "compare")
    registry.cache_clear()
    with pytest.raises(errors.UnknownNameError, match="unknown command 'compare'"):
        cnnforge.compare("first", "first")
