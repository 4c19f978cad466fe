"""What a file is that is no image of a format that is read, and the way on."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from PIL import Image, features

LFS_POINTER = "a Git LFS pointer, not the image itself: git lfs pull"

_LFS_START = b"version https://git-lfs.github.com/spec/"
_RAW = "RAW photograph"
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"
_TGA_WITH_PALETTE = (1, 9)
_TGA_KINDS, _TGA_BITS = (1, 2, 3, 9, 10, 11), (8, 15, 16, 24, 32)
_DNG_VERSION_TAG, _SUBFILE_TAG, _IS_REDUCED = 50706, 254, 1


def foreign_format(content: bytes) -> str:
    """Return what a file is that no decoder takes, as a reason in a few words."""
    start = content[:4096]
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "an HTML page, not an image"
    if text.startswith((b"<svg", b"<?xml", b"<!doctype svg")):
        return unsupported("SVG" if b"<svg" in text else "XML")
    if start.startswith(_LFS_START):
        return LFS_POINTER
    if kind := _kind(content):
        is_read = {"HEIC": find_spec("pillow_heif") is not None, "AVIF": features.check("avif")}
        return f"damaged: {kind} at its start alone" if is_read.get(kind) else unsupported(kind)
    if _is_text(start):
        return f"not an image, but {'JSON' if text[:1] in (b'{', b'[') else 'text'}"
    return "not an image, or damaged at the start"


def is_raw(image: Image.Image, content: bytes) -> bool:
    """Return whether a TIFF file is a camera's RAW file (CR2, NEF, DNG), whose first picture is a preview."""
    tags = getattr(image, "tag_v2", {})
    is_preview = bool(tags.get(_SUBFILE_TAG, 0) & _IS_REDUCED)
    return _DNG_VERSION_TAG in tags or is_preview or content[8:10] == b"CR"


def unsupported(kind: str = _RAW) -> str:
    """Return the reason why a kind of file is left out."""
    return f"unsupported format {kind}: {_table()['ways_on'].get(kind, 'convert it to JPEG or PNG')}"


def _kind(content: bytes) -> str | None:
    if _is_tga(content):
        return "TGA"
    starts = (
        (kind, at, magic.encode("latin-1")) for kind, of_kind in _table()["starts"].items() for at, magic in of_kind
    )
    return next((kind for kind, at, magic in starts if content.startswith(magic, at)), None)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((files("cnnforge.data") / "foreign.toml").read_text(encoding="utf-8"))


def _is_tga(content: bytes) -> bool:
    """TGA files have no mark at their start; newer ones have one at their end."""
    if content.endswith(_TGA_FOOTER):
        return True
    if len(content) <= 18 or content[2] not in _TGA_KINDS or content[16] not in _TGA_BITS:
        return False
    if content[1] != (content[2] in _TGA_WITH_PALETTE):
        return False
    width, height = (int.from_bytes(content[at : at + 2], "little") for at in (12, 14))
    num_bytes = width * height * ((content[16] + 7) // 8)
    return num_bytes > 0 and (content[2] > 3 or len(content) >= 18 + content[0] + num_bytes)


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # but for a letter that is cut at the end
            return False
        text = start[: error.start].decode()
    return bool(text) and all(letter.isprintable() or letter.isspace() for letter in text)
