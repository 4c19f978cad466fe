"""What a file is that is no image of a format that is read, and the way on."""

from __future__ import annotations

from importlib.util import find_spec

from PIL import Image, features

LFS_POINTER = "a Git LFS pointer, not the image itself: git lfs pull"

_LFS_START = b"version https://git-lfs.github.com/spec/"
_STARTS = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    **{b"P%d%c" % (kind, space): "PNM" for kind in range(1, 8) for space in b" \n\t"},
    b"8BPS": "PSD",
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"\0\0\1\0": "icon",
    b"\0\0\2\0": "cursor",
    b"icns": "icon",
    b"gimp xcf": "XCF",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"DDS ": "DDS",
    b"qoif": "QOI",
    b"SIMPLE  =": "FITS",
    b"AT&TFORM": "DjVu",
    b"\x89HDF": "HDF5",
    b"\x93NUMPY": "NumPy array",
    b"SQLi": "SQLite",
    b"II*\0": "TIFF of this kind",
    b"MM\0*": "TIFF of this kind",
    b"II+\0": "BigTIFF",
    b"MM\0+": "BigTIFF",
    b"\x1aE\xdf\xa3": "video (Matroska or WebM)",
    b"\0\0\1\xba": "video (MPEG)",
    b"\0\0\1\xb3": "video (MPEG)",
    b"FLV\1": "video (FLV)",
    b"0&\xb2u\x8ef\xcf\x11": "video (WMV)",
    b"ID3": "audio",
    b"OggS": "audio or video (Ogg)",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
}
_RAW = "RAW photograph"
_RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM")
_BOX_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"crx ": _RAW,
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"),
}
_BOXED_VIDEO = "video (MP4 or QuickTime)"
_PLACED = (
    (4, b"moov", _BOXED_VIDEO),
    (4, b"mdat", _BOXED_VIDEO),
    (8, b"CR\2\0", _RAW),
    (8, b"AVI ", "video (AVI)"),
    (8, b"WAVE", "audio"),
    (128, b"DICM", "DICOM"),
    (257, b"ustar", "tar"),
)
_WAYS_ON = {
    "HEIC": "pip install 'cnnforge[heic]'",
    "AVIF": "pip install --upgrade pillow",
    "JPEG XL": "convert it to PNG, such as with djxl",
    "TIFF of this kind": "save it as RGB or grey, with 8 or 16 bits",
    "zip": "unpack it, or give it alone with --data",
    _RAW: "develop it to JPEG, PNG or TIFF",
    "SVG": "draw it as PNG",
}
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
    if kind := _kind(start, content):
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
    return f"unsupported format {kind}: {_WAYS_ON.get(kind, 'convert it to JPEG or PNG')}"


def _kind(start: bytes, content: bytes) -> str | None:
    if start.startswith(_RAW_STARTS):
        return _RAW
    if start[4:8] == b"ftyp":
        brands = [start[8:12], *(start[at : at + 4] for at in range(16, min(int.from_bytes(start[:4]), 256), 4))]
        return next((_BOX_BRANDS[brand] for brand in brands if brand in _BOX_BRANDS), _BOXED_VIDEO)
    placed = (name for at, magic, name in _PLACED if start.startswith(magic, at))
    named = (name for magic, name in _STARTS.items() if start.startswith(magic))
    return next(placed, None) or ("TGA" if _is_tga(content) else next(named, None))


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
