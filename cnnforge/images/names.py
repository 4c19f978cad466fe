"""What a file's name tells: whether it plainly is no photograph, and its place in natural order."""

from __future__ import annotations

import re
from functools import lru_cache

_LITTER_FOLDERS = {"__macosx", "@eadir", "$recycle.bin", "system volume information"}
_LITTER_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_OTHER_EXTENSIONS = re.compile(
    "7z|avi|bat|bz2|cfg|css|csv|db|docx?|exe|gz|h5|hdf5|html?|ini|ipynb|js|jsonl?|lnk|log|lst|m4a|mat|md|mov|mp[34]|np[yz]"
    "|parquet|pdf|pickle|pkl|pptx?|pyc?|rar|rst|sh|sqlite|tar|tfrecord|tgz|toml|tsv|txt|url|wav|xlsx?|xml|xz|ya?ml|zip|zst"
)
_DIGITS = re.compile(r"([0-9]+)")
# What text as JSON and UTF-8 cannot hold (undecodable bytes of a name), and what looks like its escaped form.
_UNSAFE = re.compile(r"[\ud800-\udfff]|\\(?=u(?:005c|d[89a-f][0-9a-f]{2}))")
_ESCAPED = re.compile(r"\\u(005c|d[89a-f][0-9a-f]{2})")


def why_no_photograph(file_name: str) -> str | None:
    """Return why a file of this name plainly is no photograph, or None."""
    lower = file_name.lower()
    if lower.startswith("._") or lower in _LITTER_FILES:
        return "left by the operating system"
    if lower.startswith("."):
        return "hidden file"
    extension = lower.rpartition(".")[2] if "." in lower else ""
    if extension == "zip":
        return "an archive inside the data is not looked into"
    return f"a .{extension} file is no photograph" if _OTHER_EXTENSIONS.fullmatch(extension) else None


def why_not_entered(folder_name: str) -> str | None:
    """Return why a folder of this name is not looked into, or None."""
    if folder_name.lower() in _LITTER_FOLDERS:
        return "folder left by the operating system"
    return "hidden folder" if folder_name.startswith(".") else None


@lru_cache(maxsize=4096)
def hidden_above(folder: str) -> tuple[str, str] | None:
    """Return the first folder of a path that is not looked into, and why; None if all are."""
    parts = folder.split("/")
    for depth, part in enumerate(parts, start=1):
        if reason := why_not_entered(part):
            return "/".join(parts[:depth]), reason
    return None


def natural_key(name: str) -> tuple[tuple[object, ...], str]:
    """Return a sort key that puts ``2.jpg`` before ``10.jpg``."""
    parts: list[object] = list(_DIGITS.split(name))
    for i in range(1, len(parts), 2):
        digits = str(parts[i]).lstrip("0")
        parts[i] = (len(digits), digits)  # compares like the number, however long it is
    return tuple(parts), name


def escape(name: str) -> str:
    r"""Return a name as valid text: undecodable bytes become ``\udcXX``; :func:`unescape` is the way back."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", name)


def unescape(name: str) -> str:
    """Return the name that :func:`escape` was given."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), name) if "\\" in name else name
