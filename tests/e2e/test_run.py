"""Whole runs on small images: what they write, and that it is true."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from cnnforge.data.decoding import decode
from cnnforge.data.preparing import open_source
from cnnforge.errors import (
    DataError,
    InterruptedRunError,
    PluginError,
    RecipeError,
    TrainingDivergedError,
    UnsafeFileError,
)
from cnnforge.host.plugin_host import PluginHost
from cnnforge.host.registry import Registry
from cnnforge.recipe.loading import load_recipe
from cnnforge.recipe.resolving import ResolvedRecipe, resolve
from cnnforge.running.checkpoints import newest_checkpoint
from cnnforge.running.naming import create_run_dir
from cnnforge.running.run import execute
from cnnforge.running.run_dir import Run, RunDir
from cnnforge.running.trained_run import load_trained_run
from cnnforge.system.reporter import Reporter

SMALL = ["data.image_size=[48,48]", "training.epochs=3", "training.batch_size=16", "architecture.dense_units=32"]
SMALL += ["training.precision=float32"]  # not measured


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""}))


def make_photographs(folder: Path, class_names: list[str], per_class: int = 60) -> Path:
    """Write noisy pictures in which each class is brighter in another part of the picture."""
    generator = np.random.default_rng(0)
    for label, name in enumerate(class_names):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            pixels = generator.integers(0, 130, (60, 80, 3), np.uint8)
            pixels[label * 15 : label * 15 + 20] += 90
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photographs(tmp_path_factory.mktemp("data") / "photographs", ["apple", "pear"])


def train(registry: Registry, tmp_path: Path, data: Path, *overrides: str, name: str = "r") -> RunDir:
    overrides = (f"data.path={json.dumps(str(data))}", *SMALL, *overrides)
    resolved = resolve(load_recipe("directory-cnn", registry, overrides), registry)
    return train_resolved(resolved, registry, tmp_path / "runs", name)


def train_resolved(resolved: ResolvedRecipe, registry: Registry, runs_dir: Path, name: str = "r") -> RunDir:
    images = open_source(resolved)
    directory = create_run_dir(resolved, runs_dir, name)
    execute(Run(directory, resolved), images, registry, Reporter())
    return directory


@pytest.fixture(scope="module")
def finished(registry: Registry, photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return train(registry, tmp_path_factory.mktemp("finished"), photographs)


def read_lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_run_writes_everything_that_the_run_directory_promises(finished: RunDir) -> None:
    names = {path.relative_to(finished.path).as_posix() for path in finished.path.rglob("*") if path.is_file()}
    assert names >= {
        "recipe.toml", "run.json", "manifest.jsonl", "metrics.jsonl", "model.keras",
        "evaluation.json", "predictions.csv", "examples.json", "report.html", "model_card.md",
    }  # fmt: skip
    assert finished.best_weights.is_file()
    assert len(list(finished.checkpoints.iterdir())) == 3  # the best weights, the last state and its manifest
    assert not [name for name in names if name.rpartition("/")[2].startswith(".")]
    facts = finished.read_run()
    assert facts["status"] == "finished"
    assert facts["plugins"]["architecture"]["plugin"] == "cnnforge:catsdogs"
    assert facts["data"]["num_images"] == 120
    assert [line["epoch"] for line in read_lines(finished.metrics)] == [1, 2, 3]
    assert 1 <= facts["best_epoch"] <= 3


def test_the_figures_follow_from_the_predictions(finished: RunDir) -> None:
    measured = finished.read_evaluation()
    with finished.predictions.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == measured["num_images"] > 0
    assert sum(row["label"] == row["predicted"] for row in rows) / len(rows) == pytest.approx(measured["accuracy"])
    assert all(float(row["p_apple"]) + float(row["p_pear"]) == pytest.approx(1, abs=1e-5) for row in rows)
    assert measured["accuracy_interval"][0] <= measured["accuracy"] <= measured["accuracy_interval"][1]


def test_the_report_shows_grad_cam_of_mistakes_and_doubtful_images(finished: RunDir) -> None:
    kept = json.loads(finished.examples.read_text(encoding="utf-8"))
    shown = [entry["name"] for entry in (*finished.read_evaluation()["mistakes"], *kept["doubtful"])]
    assert set(kept["grad_cam"]) == set(shown)
    assert finished.report.read_text(encoding="utf-8").count('alt="Grad-CAM') == len(shown)
    assert finished.read_run()["seconds"]["explanation"] > 0


def test_the_saved_model_loads_by_itself_and_takes_images_as_they_are(finished: RunDir, photographs: Path) -> None:
    model = keras.saving.load_model(finished.model)
    assert not model.compiled
    with finished.predictions.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:8]
    images = [Image.open(photographs / row["name"]).resize((48, 48), Image.Resampling.BILINEAR) for row in rows]
    raw = np.stack([np.asarray(image) for image in images])
    assert raw.dtype == np.uint8
    expected = [float(row["p_pear"]) for row in rows]
    np.testing.assert_allclose(model.predict(raw, verbose=0)[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(model.predict(raw.astype(np.float32), verbose=0)[:, 0], expected, atol=1e-5)


def test_the_recorded_recipe_reproduces_the_run_by_itself(finished: RunDir, registry: Registry, tmp_path: Path) -> None:
    resolved = resolve(load_recipe(str(finished.recipe), registry), registry)
    again = train_resolved(resolved, registry, tmp_path)
    assert again.recipe.read_text() == finished.recipe.read_text()
    keys = ("loss", "accuracy", "val_loss", "val_accuracy")
    for first, second in zip(read_lines(finished.metrics), read_lines(again.metrics), strict=True):
        assert [first[key] for key in keys] == [second[key] for key in keys]
    assert again.manifest.read_text() == finished.manifest.read_text()
    assert again.predictions.read_text() == finished.predictions.read_text()


def test_three_classes_end_in_a_softmax(registry: Registry, tmp_path: Path) -> None:
    data = make_photographs(tmp_path / "data", ["a", "b", "c"])
    done = train(registry, tmp_path, data)
    assert np.array(done.read_evaluation()["confusion_matrix"]).shape == (3, 3)
    assert keras.saving.load_model(done.model).output_shape == (None, 3)


def test_grey_images_make_a_network_of_one_channel(registry: Registry, photographs: Path, tmp_path: Path) -> None:
    done = train(registry, tmp_path, photographs, "data.color_mode=grayscale", "training.epochs=1")
    assert keras.saving.load_model(done.model).input_shape == (None, 48, 48, 1)


@pytest.mark.parametrize(
    "override",
    [
        "training.optimizer={name='adam', beta_1=0.8}",
        "training.optimizer='SGD'",
        "training.schedule={name='cosine', warmup_epochs=1}",
        "training.schedule={name='ExponentialDecay', decay_steps=10, decay_rate=0.9}",
        "training.loss={name='binary_crossentropy', label_smoothing=0.1}",
        "training.metrics=['accuracy', 'AUC', {name='Precision', thresholds=0.6}]",
        "training.callbacks=[{name='EarlyStopping', patience=1, monitor='val_loss'}]",
        "training.optimizer='keras.optimizers:Lion'",
        "training.precision='bfloat16'",
        "training.augmentation='strong'",
        "training.augmentation={preset='light', cutmix=1.0}",
        "training.class_balance='weights'",
        "training.class_balance='sampling'",
    ],
)
def test_the_extension_points_of_keras_are_ours(
    override: str, registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    done = train(registry, tmp_path, photographs, override, "training.epochs=2")
    assert done.read_run()["status"] == "finished"
    assert load_recipe(str(done.recipe), registry) == resolve(load_recipe(str(done.recipe), registry), registry).recipe


def test_the_learning_rate_follows_the_schedule(registry: Registry, photographs: Path, tmp_path: Path) -> None:
    done = train(registry, tmp_path, photographs, "training.schedule={name='cosine', warmup_epochs=1}")
    rates = [line["learning_rate"] for line in read_lines(done.metrics)]
    assert rates[0] == pytest.approx(0.001)
    assert rates[-1] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("callback", ["'EarlyStopping'", "{name='SwapEMAWeights', swap_on_epoch=true}"])
def test_averaged_weights_are_validated_kept_and_tested(
    callback: str, registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    settings = ["evaluation.split='validation'", "training.precision='float32'"]
    averages = "training.optimizer={name='adam', use_ema=true, ema_momentum=0.98}"
    done = train(registry, tmp_path, photographs, averages, f"training.callbacks=[{callback}]", *settings)
    plain = train(registry, tmp_path, photographs, "training.optimizer='adam'", *settings, name="plain")
    validated = read_lines(done.metrics)[done.read_run()["best_epoch"] - 1]
    with done.predictions.open(encoding="utf-8", newline="") as file:
        kept = [float(row[f"p_{row['label']}"]) for row in csv.DictReader(file)]
    assert -np.mean(np.log(kept)) == pytest.approx(validated["val_loss"], rel=1e-4)
    with_averages, without = read_lines(done.metrics)[-1], read_lines(plain.metrics)[-1]
    assert with_averages["loss"] == pytest.approx(without["loss"], rel=1e-3)  # averaging changes nothing in training
    assert with_averages["val_loss"] > 1.05 * without["val_loss"]  # averages lag far behind after so few steps


def test_averages_that_nobody_keeps_cannot_be_swapped(registry: Registry, photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Adam without use_ema"):
        train(registry, tmp_path, photographs, "training.callbacks=['SwapEMAWeights']")


def test_an_unknown_argument_of_a_foreign_class_is_refused(
    registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=r"EarlyStopping.*no argument 'patiense'. Did you mean 'patience'"):
        train(
            registry, tmp_path, photographs, "training.callbacks=[{name='keras.callbacks:EarlyStopping', patiense=1}]"
        )


def test_a_diverging_run_stops_at_the_step_and_keeps_the_best_epoch(
    registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    overrides = ("training.optimizer='SGD'", "training.schedule={name='tests.e2e.schedules:JumpAfter', steps=8}")
    with pytest.raises(TrainingDivergedError, match=r"at step \d+ of epoch 2"):
        train(registry, tmp_path, photographs, *overrides)
    stopped = RunDir(tmp_path / "runs" / "r")
    assert stopped.read_run()["status"] == "failed"
    assert stopped.best_weights.exists()
    assert not stopped.model.exists()


def test_ctrl_c_saves_and_stops(registry: Registry, photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(InterruptedRunError):
        train(registry, tmp_path, photographs, "training.callbacks=['tests.e2e.schedules:PressCtrlC']")
    stopped = RunDir(tmp_path / "runs" / "r")
    assert stopped.read_run()["status"] == "interrupted"
    assert stopped.read_run()["error"] == "InterruptedRunError: stopped by Ctrl-C"
    last = newest_checkpoint(stopped.checkpoints, pytest.fail)
    assert last is not None
    assert (last.epoch, last.batch) == (0, 2)


def test_an_existing_run_directory_is_not_touched(registry: Registry, photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "runs" / "r").mkdir(parents=True)
    with pytest.raises(RecipeError, match="exists already"):
        train(registry, tmp_path, photographs)
    assert not list((tmp_path / "runs" / "r").iterdir())


def test_bad_data_leaves_no_run_directory(registry: Registry, tmp_path: Path) -> None:
    data = make_photographs(tmp_path / "data", ["only"])
    with pytest.raises(DataError):
        train(registry, tmp_path, data)
    assert not (tmp_path / "runs").exists()


def test_a_network_that_breaks_the_contract_is_named(registry: Registry, photographs: Path, tmp_path: Path) -> None:
    host = PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": ""})
    import tests.e2e.broken_architectures as broken

    host.register(broken, "broken:plugin")
    ours = Registry(host)
    for name, expected in broken.EXPECTED.items():
        overrides = [f"data.path={json.dumps(str(photographs))}", "data.image_size=[48,48]"]
        resolved = resolve(load_recipe("directory-cnn", ours, overrides, architecture=name), ours)
        with pytest.raises(PluginError, match=expected):
            train_resolved(resolved, ours, tmp_path / name)


def test_an_image_too_small_for_the_network_is_the_users_mistake(
    registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="3 blocks of convolution and pooling do not fit 16×16"):
        train(registry, tmp_path, photographs, "data.image_size=[16,16]")


def test_a_run_that_fails_notes_it_once(
    registry: Registry, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports, facts = [], []
    update_run = RunDir.update_run
    monkeypatch.setattr("cnnforge.running.run.write_report", lambda directory, _: reports.append(directory))
    monkeypatch.setattr(RunDir, "update_run", lambda self, **new: (facts.append(new), update_run(self, **new)))
    with pytest.raises(RecipeError):
        train(registry, tmp_path, photographs, "data.image_size=[16,16]")
    assert reports == [tmp_path / "runs" / "r"]
    assert [new["status"] for new in facts if "status" in new] == ["failed"]


def test_photographs_added_later_move_none(registry: Registry, photographs: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(photographs, data)
    before = {line["name"]: line for line in read_lines(train(registry, tmp_path, data, name="a").manifest)}
    generator = np.random.default_rng(1)
    for number in range(30):
        Image.fromarray(generator.integers(0, 255, (60, 80, 3), np.uint8)).save(data / "pear" / f"new-{number}.png")
    after = {line["name"]: line for line in read_lines(train(registry, tmp_path, data, name="b").manifest)}
    assert len(after) == len(before) + 30
    assert {name: after[name]["split"] for name in before} == {name: line["split"] for name, line in before.items()}


def test_the_sheet_of_augmented_images_is_in_the_report(registry: Registry, photographs: Path, tmp_path: Path) -> None:
    done = train(registry, tmp_path, photographs, "training.augmentation='standard'", "training.epochs=1")
    with Image.open(done.augmentation) as sheet:
        assert sheet.size == (8 * 48, 4 * 48)
    assert "Sheet of training images" in done.report.read_text(encoding="utf-8")
    names = [layer.name for layer in keras.saving.load_model(done.model).layers]
    assert not [name for name in names if "random" in name]


def test_mixing_images_and_weighing_classes_exclude_each_other(
    registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="class_balance=weights"):
        train(registry, tmp_path, photographs, "training.augmentation={mixup=0.2}", "training.class_balance='weights'")


def test_a_trained_run_predicts_to_the_bit_what_its_evaluation_says(
    finished: RunDir, registry: Registry, photographs: Path
) -> None:
    trained = load_trained_run(finished, registry)
    with finished.predictions.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    pixels = [decode((photographs / row["name"]).read_bytes(), trained.decoding).pixels for row in rows]
    probabilities = trained.predictor()(np.stack(pixels))
    assert trained.class_names == ("apple", "pear")
    assert [f"{p:.9g}" for p in probabilities[:, 1]] == [row["p_pear"] for row in rows]


def test_weights_that_the_run_did_not_write_are_refused_unread(
    finished: RunDir, registry: Registry, tmp_path: Path
) -> None:
    copy = RunDir(Path(shutil.copytree(finished.path, tmp_path / "copy")))
    content = bytearray(copy.best_weights.read_bytes())
    content[-1000] ^= 1
    copy.best_weights.write_bytes(content)
    with pytest.raises(UnsafeFileError, match="as the run wrote it"):
        load_trained_run(copy, registry)


def test_a_backup_beside_the_runs_own_checkpoints_is_refused(
    registry: Registry, photographs: Path, tmp_path: Path
) -> None:
    backup = "training.callbacks=[{name='BackupAndRestore', backup_dir='b'}]"
    with pytest.raises(RecipeError, match="received BackupAndRestore"):
        train(registry, tmp_path, photographs, backup)


def test_a_run_without_weights_is_named(finished: RunDir, registry: Registry, tmp_path: Path) -> None:
    copy = RunDir(Path(shutil.copytree(finished.path, tmp_path / "copy")))
    copy.best_weights.unlink()
    with pytest.raises(RecipeError, match="expected a run with trained weights"):
        load_trained_run(copy, registry)
