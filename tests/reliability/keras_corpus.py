"""Hostile and good files of Keras: ``.keras``, ``.h5``, and what is named so."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.reliability.corpus import SECRET, Entry, Place, pickle_file

Change = Callable[[dict[str, Any], Place], None]


def saved(place: Place, model: Any) -> Path:
    path = place.folder / "model.keras"
    model.save(path)
    return path


def small() -> Any:
    import keras

    layers = keras.layers
    return keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="conv"), layers.Flatten(), layers.Dense(2, name="dense")]
    )


def rewritten(path: Path, members: dict[str, bytes | None], twice: str = "") -> Path:
    """Write an archive anew with other members; None leaves one out."""
    with zipfile.ZipFile(path) as archive:
        found: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (found | members).items():
            if content is not None:
                archive.writestr(name, content)
        if twice:
            archive.writestr(twice, b"{}")
    return path


def with_layer(layer: Callable[[Place], dict[str, Any]]) -> Callable[[Place], Path]:
    """A model whose description has one more layer, before the last."""

    def make(place: Place) -> Path:
        path = saved(place, small())
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        config["config"]["layers"].insert(-1, layer(place))
        return rewritten(path, {"config.json": json.dumps(config).encode()})

    return make


def described(class_name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def lambda_layer(place: Place) -> Path:
    """A ``Lambda`` with code of its own, saved by Keras itself."""
    import keras

    canary = str(place.canary)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Lambda(lambda x: (__import__("pathlib").Path(canary).write_text("x"), x)[1])]
    )
    path = saved(place, model)
    place.canary.unlink(missing_ok=True)  # building it called it
    return path


def lambda_h5(place: Place) -> Path:
    """The same in the format of before."""
    import warnings

    import keras

    canary = str(place.canary)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Lambda(lambda x: (__import__("pathlib").Path(canary).write_text("x"), x)[1])]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(place.folder / "model.h5")
    place.canary.unlink(missing_ok=True)
    return place.folder / "model.h5"


def foreign_weights(change: Callable[[Any, Place], None]) -> Callable[[Place], Path]:
    """A model whose HDF5 weights were changed."""

    def make(place: Place) -> Path:
        import h5py

        path = saved(place, small())
        with zipfile.ZipFile(path) as archive:
            buffer = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(buffer, "r+") as weights:
            change(weights, place)
        return rewritten(path, {"model.weights.h5": buffer.getvalue()})

    return make


def _kernel(weights: Any) -> str:
    return next(name for name in ("layers/dense/vars/0", "layers/layers/dense/vars/0") if name in weights)


def external_storage(weights: Any, place: Place) -> None:
    """The numbers of a layer lie in another file of the machine."""
    name = _kernel(weights)
    shape = weights[name].shape
    size = 4 * int(np.prod(shape))
    place.secret.write_bytes(SECRET * (size // len(SECRET) + 1))
    del weights[name]
    weights.create_dataset(name, shape, "<f4", external=[(str(place.secret), 0, size)])


def external_link(weights: Any, place: Place) -> None:
    import h5py

    name = _kernel(weights)
    shape = weights[name].shape
    with h5py.File(place.secret, "w") as other:
        other["x"] = np.resize(np.frombuffer(SECRET, "<f4"), shape)
    del weights[name]
    weights[name] = h5py.ExternalLink(str(place.secret), "/x")


def shape_bomb(weights: Any, place: Place) -> None:
    """A few bytes that claim to be 40 GB of zeros."""
    name = _kernel(weights)
    del weights[name]
    weights.create_dataset(name, (100_000, 100_000), "<f4", chunks=(1000, 1000))


def soft_loop(weights: Any, place: Place) -> None:
    import h5py

    name = _kernel(weights)
    del weights[name]
    weights[name] = h5py.SoftLink(f"/{name}")


def zip_bomb(place: Place) -> Path:
    return rewritten(saved(place, small()), {"config.json": b" " * 300_000_000})


def directory(place: Place) -> Path:
    """A folder, which Keras takes for a checkpoint of Orbax."""
    path = place.folder / "model.keras"
    (path / "assets").mkdir(parents=True)
    (path / "metadata.json").write_text("{}")
    (path / "config.json").write_text("{}")
    return path


def module_of_another(place: Place) -> dict[str, Any]:
    """A module that lies beside the file, whose import is the payload."""
    (place.folder / "payload_beside.py").write_text(f"open({str(place.canary)!r}, 'w').close()\nclass Layer: pass\n")
    return described("Layer", "payload_beside")


def secret_words(place: Place) -> dict[str, Any]:
    place.secret.write_bytes(b"\n".join(SECRET.split()))
    return described("StringLookup", vocabulary=str(place.secret), name="lookup")


def calling(module: str, name: str, **arguments: str) -> Callable[[Place], dict[str, Any]]:
    """A ``Lambda`` of a function that is there already; ``CANARY`` and the like in an argument are paths."""

    def layer(place: Place) -> dict[str, Any]:
        paths = {"CANARY": str(place.canary), "SECRET": str(place.secret), "ROOT": str(place.canary.parent)}
        filled = {}
        for key, text in arguments.items():
            for word, path in paths.items():
                text = text.replace(word, path)
            filled[key] = text
        return described("Lambda", function=function(module, name), arguments=filled, name="calling")

    return layer


def layer(class_name: str, module: str = "keras.layers", **config: Any) -> Callable[[Place], Path]:
    return with_layer(lambda place: described(class_name, module, **config))


def changed(members: dict[str, bytes | None], twice: str = "") -> Callable[[Place], Path]:
    return lambda place: rewritten(saved(place, small()), members, twice)


_MAKE = {
    "a Lambda with code": lambda_layer,
    "a Lambda that calls os.system": with_layer(calling("os", "system", command="touch CANARY")),
    "a Lambda that fetches files": with_layer(
        calling("keras.utils", "get_file", origin="file://SECRET", cache_dir="ROOT", fname="fetched")
    ),
    "a Lambda that switches safe mode off": with_layer(calling("keras.config", "enable_unsafe_deserialization")),
    "a class of os": with_layer(lambda place: described("system", "os", command=f"touch {place.canary}")),
    "a function of builtins": with_layer(lambda place: function("builtins", "exec")),
    "a module beside the file": with_layer(module_of_another),
    "an activation of another module": layer("Activation", activation=function("os", "abort"), name="a"),
    "TFSMLayer": with_layer(lambda place: described("TFSMLayer", filepath=str(place.folder), name="t")),
    "StringLookup of a file": with_layer(secret_words),
    "two billion filters": layer("Conv2D", filters=2_000_000_000, kernel_size=[3, 3], name="big"),
    "a layer's name that leads out": layer("Dense", units=2, name="../../../out"),
    "weights in another file": foreign_weights(external_storage),
    "weights behind a link": foreign_weights(external_link),
    "weights of 40 GB": foreign_weights(shape_bomb),
    "weights that link to themselves": foreign_weights(soft_loop),
    "a description of 300 MB": zip_bomb,
    "a description twice": changed({}, twice="config.json"),
    "members that lead out": changed({"../../evil": b"x", "assets/../../../evil": b"x"}),
    "a pickle named .keras": pickle_file("model.keras"),
    "a description of brackets": changed({"config.json": b"[" * 20_000}),
    "no weights": changed({"model.weights.h5": None}),
    "a folder named .keras": directory,
    "a Lambda in .h5": lambda_h5,
    "a pickle named .h5": pickle_file("model.h5"),
}
HOSTILE = [Entry(name, "keras", make) for name, make in _MAKE.items()]


def of(build: Callable[[], Any]) -> Callable[[Place], Path]:
    return lambda place: saved(place, build())


def branches() -> Any:
    import keras

    layers = keras.layers
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(inputs))
    y = layers.BatchNormalization()(layers.SeparableConv2D(4, 3, padding="same")(x))
    x = layers.GlobalAveragePooling2D()(layers.Concatenate()([layers.Add()([x, y]), y]))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(x)))


def nested() -> Any:
    import keras

    return keras.Sequential([keras.Input((16, 16, 3)), branches(), keras.layers.Dense(2)])


def compiled() -> Any:
    import keras

    model = small()
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def augmented() -> Any:
    import keras

    layers = keras.layers
    return keras.Sequential(
        [keras.Input((16, 16, 3)), layers.RandomFlip(), layers.RandomRotation(0.1), layers.Flatten(), layers.Dense(1)]
    )


def half_precision() -> Any:
    import keras

    return keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(4, dtype="mixed_bfloat16"), keras.layers.Dense(1, dtype="float32")]
    )


GOOD = [
    Entry("a sequence", "keras", of(small), is_good=True),
    Entry("branches", "keras", of(branches), is_good=True),
    Entry("a network in a network", "keras", of(nested), is_good=True),
    Entry("a compiled one", "keras", of(compiled), is_good=True),
    Entry("layers that augment", "keras", of(augmented), is_good=True),
    Entry("mixed precision", "keras", of(half_precision), is_good=True),
]
