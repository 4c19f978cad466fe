"""``.keras`` files that somebody means ill with, made from a good one; none of them is kept in the repository."""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

WEIGHTS = "model.weights.h5"


def zipped(contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclass(frozen=True)
class Good:
    """A sound model file, taken apart."""

    content: bytes

    @property
    def members(self) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    @property
    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.members["config.json"])
        return found


def with_member(name: str, content: bytes) -> Callable[[Good, Path], bytes]:
    return lambda good, canary: zipped({**good.members, name: content})


def without(name: str) -> Callable[[Good, Path], bytes]:
    return lambda good, canary: zipped({key: value for key, value in good.members.items() if key != name})


def with_config(change: Callable[[dict[str, Any], Path], Any]) -> Callable[[Good, Path], bytes]:
    def make(good: Good, canary: Path) -> bytes:
        config = good.config
        changed = change(config, canary)
        text = changed if isinstance(changed, bytes) else json.dumps(config if changed is None else changed).encode()
        return zipped({**good.members, "config.json": text})

    return make


def layers(config: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = config["config"]["layers"]
    return found


def replaced_layer(module: str | None, class_name: str, **options: Any) -> Callable[[dict[str, Any], Path], None]:
    """Put another object in the place of the second layer; ``CANARY`` in its options becomes the path that shows it."""

    def change(config: dict[str, Any], canary: Path) -> None:
        layer = layers(config)[1]
        text = json.dumps(options).replace("CANARY", str(canary))
        layer.update(module=module, class_name=class_name, registered_name=None)
        layer["config"] = {"name": layer["name"], "trainable": True, **json.loads(text)}

    return change


def option(key: str, value: Any) -> Callable[[dict[str, Any], Path], None]:
    """Set an option of the first layer that has it."""

    def change(config: dict[str, Any], canary: Path) -> None:
        owner = next(layer for layer in layers(config) if key in layer["config"])
        owner["config"][key] = json.loads(json.dumps(value).replace("CANARY", str(canary)))

    return change


PYTHON_LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wEAAAA=", "defaults": None, "closure": None}}


def function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def _cut(good: Good, canary: Path) -> bytes:
    return good.content[: len(good.content) // 2]


def _flipped(good: Good, canary: Path) -> bytes:
    content = bytearray(good.content)
    with zipfile.ZipFile(io.BytesIO(good.content)) as archive:
        info = archive.getinfo(WEIGHTS)
    content[info.header_offset + info.file_size // 2] ^= 1
    return bytes(content)


def _twice(good: Good, canary: Path) -> bytes:
    buffer = io.BytesIO(good.content)
    with zipfile.ZipFile(buffer, "a") as archive, archive.open("config2json", "w") as member:
        member.write(b"{}")
    return buffer.getvalue().replace(b"config2json", b"config.json")


def _link(good: Good, canary: Path) -> bytes:
    buffer = io.BytesIO(zipped({name: c for name, c in good.members.items() if name != WEIGHTS}))
    info = zipfile.ZipInfo(WEIGHTS)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def _encrypted(good: Good, canary: Path) -> bytes:
    content = bytearray(good.content)
    at = content.find(b"PK\x01\x02")
    content[at + 8] |= 1
    return bytes(content)


def _overlapping(good: Good, canary: Path) -> bytes:
    """Have the table of contents say that the second member lies where the first does."""
    content = bytearray(good.content)
    second = content.find(b"PK\x01\x02", content.find(b"PK\x01\x02") + 4)
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    return bytes(content)


def _deflated(name: str, size: int) -> Callable[[Good, Path], bytes]:
    """Let a member be so many zeros in few bytes."""
    return lambda good, canary: zipped({**good.members, name: bytes(size)}, zipfile.ZIP_DEFLATED)


def _declared(good: Good, canary: Path) -> bytes:
    """A member that says it is larger than any can be."""
    content = bytearray(good.content)
    with zipfile.ZipFile(io.BytesIO(good.content)) as archive:
        size = archive.getinfo(WEIGHTS).file_size
    at = content.rfind(struct.pack("<II", size, size))
    content[at : at + 8] = struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0)
    return bytes(content)


def _long_header(good: Good, canary: Path) -> bytes:
    """A member whose own header is longer than the file (found by fuzzing: zipfile raises an EOFError without text)."""
    content = bytearray(good.content)
    with zipfile.ZipFile(io.BytesIO(good.content)) as archive:
        at = archive.getinfo("config.json").header_offset
    content[at + 28 : at + 30] = b"\xff\xff"
    return bytes(content)


def _patched(good: Good, canary: Path) -> bytes:
    """A member that says it is a patch of another (found by fuzzing: zipfile raises a NotImplementedError)."""
    content, at = bytearray(good.content), -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        content[at + 8] |= 0x20
    return bytes(content)


def _nested(config: dict[str, Any], canary: Path) -> bytes:
    return b'{"class_name": "Functional", "config": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


ARCHIVES: dict[str, tuple[Callable[[Good, Path], bytes], str]] = {
    "empty": (lambda good, canary: b"", "an empty file"),
    "text": (lambda good, canary: b"a model, they said", "another kind of file"),
    "hdf5": (lambda good, canary: good.members[WEIGHTS], "an HDF5 file"),
    "pickle": (lambda good, canary: b"\x80\x04\x95cos\nsystem\n", "a pickle file"),
    "cut in half": (_cut, "cut off"),
    "last bytes cut": (lambda good, canary: good.content[:-30], "cut off"),
    "a flipped bit": (_flipped, "Bad CRC-32 for file 'model.weights.h5'"),
    "zip slip": (with_member("../evil", b"x"), r"member '\.\./evil' leads out of the archive"),
    "absolute": (with_member("/tmp/evil", b"x"), "member '/tmp/evil' has an absolute path"),
    "backslashes": (with_member("..\\evil", b"x"), "backslash"),
    "a member twice": (_twice, "have one name"),
    "a member in other letters": (with_member("CONFIG.json", b"{}"), "have one name"),
    "a link": (_link, "is a link"),
    "encrypted": (_encrypted, "is encrypted"),
    "overlapping": (_overlapping, "overlap"),
    "a file for a layer": (
        with_member("assets/vocabulary.txt", b"x"),
        "a member 'assets/vocabulary.txt'",
    ),
    "code": (with_member("layer.py", b"import os"), "'layer.py'"),
    "no config": (without("config.json"), "no config.json"),
    "no weights": (without(WEIGHTS), "no model.weights.h5"),
    "pickled weights": (
        lambda good, canary: zipped({"config.json": good.members["config.json"], "model.weights.npz": b"PK"}),
        "no model.weights.h5",
    ),
    "bomb of configuration": (_deflated("config.json", 2**22 + 1), "4,194,305 bytes, expected at most"),
    "bomb of metadata": (_deflated("metadata.json", 2**20), "expected at most 65,536"),
    "bomb of weights": (_deflated(WEIGHTS, 2**26), "a zip bomb"),
    "larger than the file": (_declared, "cut off|overlap|expected at most"),
    "a header longer than the file": (_long_header, "it is cut off"),
    "a patch": (_patched, "compressed patched data"),
    "another compression": (
        lambda good, canary: zipped(good.members, zipfile.ZIP_LZMA),
        "compressed by method 14",
    ),
}

CONFIGURATIONS: dict[str, tuple[Callable[[dict[str, Any], Path], Any], str]] = {
    "no JSON": (lambda config, canary: b"{", "config.json is refused: Expecting"),
    "no text": (lambda config, canary: b"\xff\xfe\x00", "config.json is refused"),
    "a list": (lambda config, canary: b"[]", "describes no network"),
    "nested without end": (_nested, "recursion"),
    "endless": (lambda config, canary: b"[" + b"0," * 2_000_000 + b"0]", "describes no network"),
    "endless values": (
        lambda config, canary: (
            b'{"module": "keras", "class_name": "Sequential", "config": [' + b"0," * 1_500_000 + b"0]}"
        ),
        "more than 1,000,000 values",
    ),
    "a huge number": (lambda config, canary: b'{"class_name": "x", "config": ' + b"9" * 5000 + b"}", "integer string"),
    "Lambda": (replaced_layer("keras.layers", "Lambda", function=PYTHON_LAMBDA), "class_name='Lambda'|'__lambda__'"),
    "Lambda by its inner name": (replaced_layer("keras.src.layers.core.lambda_layer", "Lambda"), "class_name='Lambda'"),
    "a lambda for an activation": (option("activation", PYTHON_LAMBDA), "class_name='__lambda__'"),
    "os": (replaced_layer("os", "system", command="touch CANARY"), "class_name='system' of module='os'"),
    "builtins": (replaced_layer("builtins", "exec"), "class_name='exec' of module='builtins'"),
    "a function": (option("activation", function("builtins", "eval")), "class_name='function'"),
    "a function of Keras": (
        replaced_layer("keras.utils", "get_file", fname="CANARY", origin="file:///etc/passwd"),
        "class_name='get_file' of module='keras.utils'",
    ),
    "safe mode switched off": (
        replaced_layer("keras.config", "enable_unsafe_deserialization"),
        "class_name='enable_unsafe_deserialization'",
    ),
    "another model loaded": (
        replaced_layer("keras.models", "load_model", filepath="CANARY"),
        "class_name='load_model'",
    ),
    "a function beside the layers": (replaced_layer("keras.layers", "deserialize"), "class_name='deserialize'"),
    "TFSMLayer": (replaced_layer("keras.layers", "TFSMLayer", filepath="CANARY"), "class_name='TFSMLayer'"),
    "StringLookup": (
        replaced_layer("keras.layers", "StringLookup", vocabulary="/etc/passwd"),
        "class_name='StringLookup'",
    ),
    "TextVectorization": (
        replaced_layer("keras.layers", "TextVectorization", vocabulary="/etc/passwd"),
        "class_name='TextVectorization'",
    ),
    "TorchModuleWrapper": (replaced_layer("keras.layers", "TorchModuleWrapper", lazy=True), "TorchModuleWrapper"),
    "JaxLayer": (replaced_layer("keras.layers", "JaxLayer", call_fn=PYTHON_LAMBDA), "JaxLayer|__lambda__"),
    "a type of TensorFlow's": (option("activation", {"class_name": "__typespec__", "config": []}), "__typespec__"),
    "another package of Keras's": (replaced_layer("keras_hub.layers", "Dense"), "module='keras_hub.layers'"),
    "of no module": (replaced_layer(None, "Dense"), "module=None"),
    "a class registered by a plugin": (
        lambda config, canary: layers(config)[1].update(registered_name="acme>Evil"),
        "registered_name='acme>Evil'",
    ),
    "a name that is no text": (lambda config, canary: layers(config)[1].update(class_name=["Dense"]), "no text"),
    "two thousand million filters": (option("filters", 2_000_000_000), "filters=2,000,000,000"),
    "a large image": (option("batch_shape", [None, 10**9, 10**9, 3]), "batch_shape=1,000,000,000"),
    "a name that leads out": (option("name", "../../evil"), r"name='\.\./\.\./evil'"),
    "a name with a backslash": (option("name", "..\\evil"), "without slashes"),
    "hidden in training": (
        lambda config, canary: layers(config)[1]["config"].update(extra={"a": [{"class_name": "__lambda__"}]}),
        "class_name='__lambda__'",
    ),
}


def _external_link(file: h5py.File, folder: Path) -> None:
    file["layers/evil"] = h5py.ExternalLink("/etc/passwd", "/")


def _soft_link(file: h5py.File, folder: Path) -> None:
    file["evil"] = h5py.SoftLink("/layers")


def _external_data(file: h5py.File, folder: Path) -> None:
    secret = folder / "secret.bin"
    secret.write_bytes(bytes(400))
    file.create_dataset("evil", (100,), "f4", external=[(str(secret), 0, 400)])


def _virtual(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((100,), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "data", (100,))
    file.create_virtual_dataset("evil", layout)


def _compressed(file: h5py.File, folder: Path) -> None:
    file.create_dataset("evil", (10_000_000,), "f4", chunks=True, compression="gzip", fillvalue=1)


def _never_written(file: h5py.File, folder: Path) -> None:
    file.create_dataset("evil", (2_000_000_000,), "f4")


def _texts(file: h5py.File, folder: Path) -> None:
    file.create_dataset("evil", data=["a", "b"], dtype=h5py.string_dtype())


def _records(file: h5py.File, folder: Path) -> None:
    file.create_dataset("evil", data=np.zeros(2, [("a", "i4"), ("b", "f4")]))


WEIGHT_FILES: dict[str, tuple[Callable[[h5py.File, Path], None], str]] = {
    "a link to another file": (_external_link, "a link at layers/evil"),
    "a soft link": (_soft_link, "a link at evil"),
    "data in another file": (_external_data, "lie in another file"),
    "a virtual array": (_virtual, "lie in another file"),
    "a compressed array": (_compressed, "are compressed"),
    "an array never written": (_never_written, "claim 8,000,"),
    "texts": (_texts, "are no numbers but object"),
    "records": (_records, "are no numbers"),
}


def damaged_weights(good: Good, folder: Path, change: Callable[[h5py.File, Path], None]) -> bytes:
    """Return the weights of a good model after a change."""
    path = folder / "changed.h5"
    path.write_bytes(good.members[WEIGHTS])
    with h5py.File(path, "a") as file:
        change(file, folder)
    return path.read_bytes()


def shuffled(content: bytes) -> bytes:
    """Return bytes that are no file of any kind, of the same length."""
    return zlib.compress(content, 0)[: len(content)][::-1]
