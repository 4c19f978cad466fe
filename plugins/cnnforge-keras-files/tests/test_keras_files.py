"""Foreign ``.keras`` files: hostile ones are refused with a reason and nothing happens, good ones work."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import hostile_keras
import keras
import numpy as np
import pytest
from cnnforge_keras_files import building, configuration, hdf5, load_keras_file
from hostile_keras import ARCHIVES, CONFIGURATIONS, WEIGHT_FILES, Good, zipped
from keras.src.api_export import get_name_from_symbol

import cnnforge
from cnnforge.errors import StorageError, UnsafeFileError
from cnnforge.host import PluginHost, Registry
from cnnforge.testing.network import Network


def small_network() -> keras.Model:
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    x = keras.layers.Dropout(0.5)(x)
    return keras.Model(inputs, cnnforge.head(keras.layers.Flatten()(x), 3))


def saved(model: keras.Model, path: Path) -> Path:
    model.save(path)
    return path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    return Good(saved(small_network(), tmp_path_factory.mktemp("good") / "model.keras").read_bytes())


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A path that exists after the test if something that a file brought was run."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()


def assert_refused(path: Path, reason: str) -> None:
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(UnsafeFileError, match=reason) as caught:
        load_keras_file(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint
    assert sorted(path.parent.rglob("*")) == before


@pytest.mark.parametrize(("make", "reason"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive_is_refused(
    good: Good, canary: Path, tmp_path: Path, make: Callable[[Good, Path], bytes], reason: str
) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(make(good, canary))
    assert_refused(path, reason)


@pytest.mark.parametrize(("change", "reason"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_configuration_is_refused(good: Good, canary: Path, tmp_path: Path, change, reason: str) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(hostile_keras.with_config(change)(good, canary))
    assert_refused(path, reason)


@pytest.mark.parametrize(("change", "reason"), WEIGHT_FILES.values(), ids=WEIGHT_FILES)
def test_weights_are_refused_before_any_is_read(good: Good, tmp_path: Path, change, reason: str) -> None:
    path = tmp_path / "model.weights.h5"
    path.write_bytes(hostile_keras.damaged_weights(good, tmp_path, change))
    with pytest.raises(ValueError, match=reason):
        hdf5.check(path)


def test_the_weights_of_a_good_file_pass(good: Good, tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    path.write_bytes(good.members[hostile_keras.WEIGHTS])
    hdf5.check(path)


def test_weights_in_a_circle_are_looked_through_once(good: Good, tmp_path: Path) -> None:
    def close(file: h5py.File, folder: Path) -> None:
        file["layers/circle"] = file["/"]

    path = tmp_path / "model.weights.h5"
    path.write_bytes(hostile_keras.damaged_weights(good, tmp_path, close))
    hdf5.check(path)


def _of_another_network(good: Good, folder: Path) -> bytes:
    other = saved(keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)]), folder / "other.keras")
    weights = Good(other.read_bytes()).members[hostile_keras.WEIGHTS]
    return zipped({**good.members, hostile_keras.WEIGHTS: weights})


def _of_no_format(good: Good, folder: Path) -> bytes:
    weights = hostile_keras.shuffled(good.members[hostile_keras.WEIGHTS])
    return zipped({**good.members, hostile_keras.WEIGHTS: weights})


def _linked(good: Good, folder: Path) -> bytes:
    weights = hostile_keras.damaged_weights(good, folder, hostile_keras.WEIGHT_FILES["a link to another file"][0])
    return zipped({**good.members, hostile_keras.WEIGHTS: weights})


def _option(key: str, value: object) -> Callable[[Good, Path], bytes]:
    return hostile_keras.with_config(hostile_keras.option(key, value))


def _of_a_newer_keras(config: dict[str, Any], canary: Path) -> None:
    dense = next(layer for layer in hostile_keras.layers(config) if layer["class_name"] == "Dense")
    dense["config"]["from_the_future"] = 1


def _enlarged(good: Good, folder: Path) -> bytes:
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.UpSampling2D(10_000)(inputs))
    return saved(keras.Model(inputs, cnnforge.head(x, 2)), folder / "large.keras").read_bytes()


BUILT_ELSEWHERE: dict[str, tuple[Callable[[Good, Path], bytes], str]] = {
    "weights of another network": (_of_another_network, "could not be loaded|expected"),
    "weights of no format": (_of_no_format, "signature"),
    "weights with a link out": (_linked, "a link at layers/evil"),
    "an option that no layer has": (_option("filters", "many"), "Error"),
    "an option of a newer Keras": (hostile_keras.with_config(_of_a_newer_keras), "from_the_future"),
    "far more weights than are there": (_option("units", 2**24), "ResourceExhaustedError|Memory"),
    "outputs that no memory holds": (_enlarged, "gives 76,800,000,000 numbers, expected at most"),
}


@pytest.mark.parametrize(("make", "reason"), BUILT_ELSEWHERE.values(), ids=BUILT_ELSEWHERE)
def test_what_shows_only_when_built_shows_in_another_process(
    good: Good, tmp_path: Path, make: Callable[[Good, Path], bytes], reason: str
) -> None:
    path = tmp_path / "file" / "model.keras"
    path.parent.mkdir()
    path.write_bytes(make(good, tmp_path))
    assert_refused(path, reason)


def test_a_network_that_takes_for_ever_to_build_is_given_up(good: Good, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("cnnforge_keras_files.MAX_SECONDS", 0.2)
    path = tmp_path / "model.keras"
    path.write_bytes(good.content)
    assert_refused(path, "longer than 0.2 s")


def test_safe_mode_switched_off_is_found_before_anything_is_built(good: Good, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(building.serialization_lib, "in_safe_mode", lambda: False)
    path = tmp_path / "model.keras"
    path.write_bytes(good.content)
    with pytest.raises(UnsafeFileError, match="enable_unsafe_deserialization") as caught:
        load_keras_file(path)
    assert "plugins check" in str(caught.value.hint)


def test_a_folder_and_a_missing_file_are_said(tmp_path: Path) -> None:
    with pytest.raises(UnsafeFileError, match="a folder"):
        load_keras_file(tmp_path)
    with pytest.raises(StorageError, match=r"cannot read the model file .*nowhere\.keras: No such file"):
        load_keras_file(tmp_path / "nowhere.keras")


# Good files


def same_outputs(model: keras.Model, loaded: keras.Model) -> bool:
    shape = [length or 1 for length in model.input_shape[1:]]
    images = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype("float32")
    return np.array_equal(model.predict_on_batch(images), loaded.predict_on_batch(images))


OURS = Registry(PluginHost.discover({"CNNFORGE_LOAD_PLUGINS": "cnnforge-efficientnet-lite"}))
ARCHITECTURES = [entry.spec for entry in OURS.architectures.all() if entry.spec.takes is None]  # others need a file


@pytest.mark.parametrize("spec", ARCHITECTURES, ids=lambda spec: spec.name)
def test_a_network_of_every_architecture_is_loaded_as_it_was(spec: cnnforge.ArchitectureSpec, tmp_path: Path) -> None:
    model = Network(spec, spec.options(), (64, 64, 3)).build(3)
    loaded = load_keras_file(saved(model, tmp_path / "model.keras"))
    assert [v.shape for v in loaded.variables] == [v.shape for v in model.variables]
    assert same_outputs(model, loaded)


def of_everything() -> keras.Model:
    """A network with every kind of layer and operation that networks for images are made of."""
    layers, regularizers, constraints = keras.layers, keras.regularizers, keras.constraints
    inputs = keras.Input((32, 32, 3))
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(1).normal(0.5, 2, (8, 32, 32, 3)))
    x = layers.RandomFlip("horizontal", seed=7)(normalization(layers.Rescaling(1 / 127.5, -1)(inputs)))
    x = layers.RandomRotation(0.1)(layers.RandomZoom(0.1)(layers.RandomContrast(0.1)(x)))
    x = layers.SeparableConv2D(8, 3, depthwise_regularizer=regularizers.L2(1e-4), padding="same")(x)
    x = layers.DepthwiseConv2D(3, depthwise_constraint=constraints.MaxNorm(2))(layers.BatchNormalization()(x))
    x = layers.LeakyReLU()(layers.GroupNormalization(2)(x)) * 2.0 + 1.0
    x = keras.Sequential(
        [layers.Conv2D(8, 1, kernel_initializer=keras.initializers.Orthogonal(seed=3)), layers.PReLU()]
    )(x)
    inner = keras.Input(x.shape[1:])
    y = keras.Model(inner, layers.Add()([inner, layers.Conv2D(8, 3, padding="same", activation="gelu")(inner)]))(x)
    y = layers.Multiply()([y, keras.ops.sigmoid(keras.ops.mean(y, axis=-1, keepdims=True))])
    y = layers.Concatenate()([layers.MaxPooling2D()(y), layers.AveragePooling2D(2)(y[:, :, ::1, :])])
    y = layers.Reshape((-1, 16))(layers.SpatialDropout2D(0.1)(y))
    y = layers.MultiHeadAttention(2, 4)(layers.LayerNormalization()(y), y)
    y = layers.Bidirectional(layers.LSTM(4))(layers.TimeDistributed(layers.Dense(4, dtype="mixed_bfloat16"))(y))
    model = keras.Model(inputs, cnnforge.head(layers.UnitNormalization()(y), 2))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])  # of which nothing is loaded
    return model


def test_a_network_of_everything_is_loaded_as_it_was(tmp_path: Path) -> None:
    model = of_everything()
    loaded = load_keras_file(saved(model, tmp_path / "model.keras"))
    assert same_outputs(model, loaded)
    assert not loaded.compiled


def test_weights_in_bfloat16_are_loaded_as_they_were(tmp_path: Path) -> None:
    inputs = keras.Input((8,), dtype="bfloat16")
    model = keras.Model(inputs, keras.layers.Dense(3, dtype="bfloat16")(inputs))
    loaded = load_keras_file(saved(model, tmp_path / "model.keras"))
    assert [str(variable.dtype) for variable in loaded.variables] == ["bfloat16"] * 2
    assert same_outputs(model, loaded)


def test_every_layer_of_keras_is_known_to_be_harmless_or_known_to_be_refused() -> None:
    allowed = configuration.ALLOWED["keras.layers"]
    public = [getattr(keras.layers, name) for name in dir(keras.layers)]
    layers = [cls for cls in public if isinstance(cls, type) and issubclass(cls, keras.layers.Layer)]
    found = {str(get_name_from_symbol(cls)).rpartition(".")[2] for cls in layers}
    assert allowed - found == set()
    assert found - allowed == REFUSED


REFUSED = {
    # run code, or other programs
    "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer",
    # tables of words and numbers, which may be read from files
    "StringLookup", "IntegerLookup", "TextVectorization", "Discretization", "CategoryEncoding", "Hashing",
    "HashedCrossing",
    # nothing for photographs
    "MelSpectrogram", "STFTSpectrogram", "MaxNumBoundingBoxes", "ReversibleEmbedding",
    # of which others are made
    "Layer", "Wrapper",
}  # fmt: skip


@pytest.mark.faults
@pytest.mark.parametrize(
    "name",
    [
        "ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionResNetV2", "InceptionV3",
        "MobileNet", "MobileNetV2", "MobileNetV3Small", "NASNetMobile", "ResNet50", "ResNet50V2", "VGG16", "Xception",
    ],
)  # fmt: skip
def test_networks_of_keras_applications_are_not_refused(name: str, tmp_path: Path) -> None:
    model = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(96, 96, 3), pooling="avg")
    path = saved(model, tmp_path / "model.keras")
    assert configuration.read(Good(path.read_bytes()).members["config.json"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel keeps no limit of memory")
@pytest.mark.parametrize("before", ["", "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**44, 2**44)); "])
def test_the_process_that_builds_may_not_take_all_memory(before: str) -> None:
    code = (
        f"{before}import numpy; from cnnforge_keras_files import building; building._limit(2**28)\n"
        "try: numpy.ones(2**27)\nexcept MemoryError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert re.search("refused", done.stdout), done.stderr


def test_a_file_takes_the_place_of_an_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cnnforge_keras_files.architecture import build, take
    from cnnforge_keras_files.plugin import KerasFileOptions

    monkeypatch.setenv("CNNFORGE_DATA_DIR", str(tmp_path / "data"))
    path = saved(small_network(), tmp_path / "own.keras")
    assert take("own_net") is None
    settings = take(str(path))
    assert settings is not None
    assert settings["data.image_size"] == [16, 16]
    options = KerasFileOptions(path=str(path), sha256=settings["architecture.sha256"])
    path.unlink()  # a copy is kept
    same = build(options, input_shape=(16, 16, 3), num_classes=3)
    assert same.output_shape == (None, 3)
    other = build(options, input_shape=(16, 16, 3), num_classes=5)
    assert other.output_shape == (None, 5)
    assert len(other.trainable_variables) == 2
