"""Names as people read and mean them: classes that are spelled in more than one way, and what splits are called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from cnnforge.errors import DataError

_SPLIT_OF_WORD = {
    **dict.fromkeys(("trainval", "train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "vld", "dev", "development", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "holdout"), "test"),
}
_GENERIC = (
    "datasets?|data|ds|sets?|splits?|images?|imgs?|photos?|photographs|pictures|pics|files?|folder|dir|of|v|x"
    "|jpe?g|png|raw|resized|cropped|processed"
)
_SPLIT_WORD = re.compile(rf"({'|'.join(_SPLIT_OF_WORD)})(?:{_GENERIC})?")
_GENERIC_WORD = re.compile(_GENERIC)
_BEFORE_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_HOLD_OUT = re.compile(r"h[oe]ld[\W_]*out", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")

# What letters and emoji are joined with, and what shows nothing although Unicode counts it as a letter or mark.
_JOINING = re.compile("[\u200c\u200d\U000e0000-\U000e0fff]")
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0]")
_NUMBER = re.compile(r"\+?(-?)0*(\d+?)(?:(\.\d*[1-9])0*|\.0*|,00?)?")  # as spreadsheets rewrite them: 01, 1.0, 1,00
_LONGEST_NUMBER = 40


def seen_name(name: str) -> str:
    """Return a name as people see it: in one Unicode form, without invisible characters and needless white space."""
    if not name.isascii():
        visible = (c for c in name if unicodedata.category(c) != "Cf" or _JOINING.match(c))
        name = unicodedata.normalize("NFC", "".join(visible))
    return " ".join(name.split())


def meant_name(name: str) -> str:
    """Return what names have in common that most people take for one: ``Cat`` and ``cat``, ``1`` and ``1.0``."""
    text = unicodedata.normalize("NFKC", seen_name(name)).casefold()
    text = seen_name(_BLANK.sub("", _JOINING.sub("", text)))
    number = _NUMBER.fullmatch(text) if len(text) <= _LONGEST_NUMBER else None
    return f"{number[1]}{number[2]}{number[3] or ''}" if number else text


def check_distinct(names: Iterable[str]) -> None:
    """Check that class names differ for the people who gave them.

    Raises:
        DataError: Two differ in letter case alone, in how a number is written, or in what looks alike.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(meant_name(name), name)
        if other != name:
            raise DataError(
                f"expected classes that differ in more than {_difference(other, name)}",
                hint="give both the same name, or choose with data.classes",
            )


def _difference(one: str, other: str) -> str:
    if one.casefold() == other.casefold():
        return f"letter case, received {one!r} and {other!r}"
    if _NUMBER.fullmatch(meant_name(one)):
        return f"how a number is written, received {one!r} and {other!r}"
    return f"characters that look alike, received {one!r} and {other!r}, which are {one!a} and {other!a}"


def splits_of_names(names: Sequence[str]) -> list[str | None]:
    """Return the split that each of some names means, None for those that mean none.

    A name means a split if it has a word for it and no word of its own: ``train``, ``TrainSet``, ``val_images``,
    ``test1``. Words that all of them have are passed over: ``flowers_train`` beside ``flowers_test``.
    """
    parsed = [split_words(name) for name in names]
    with_split = [(splits, rest) for splits, rest in parsed if len(splits) == 1]
    is_shared = len({rest for _, rest in with_split}) == 1 < len({splits for splits, _ in with_split})
    return [min(splits) if len(splits) == 1 and (not rest or is_shared) else None for splits, rest in parsed]


def split_words(name: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the splits that words of a name mean, and its other words, but for those like ``images`` and ``set``."""
    text = _HOLD_OUT.sub("holdout", _BEFORE_CAPITAL.sub(" ", seen_name(name)))
    words = _WORD.findall(text.casefold())
    matches = [_SPLIT_WORD.fullmatch(word) for word in words]
    rest = (word for word, match in zip(words, matches, strict=True) if not match and not _GENERIC_WORD.fullmatch(word))
    return frozenset(_SPLIT_OF_WORD[match[1]] for match in matches if match), tuple(rest)
