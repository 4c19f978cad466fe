"""Fuzzes one target for a while, guided by coverage: ``python -m tests.fuzz recipes --seconds 60``.

What is found is written to ``fuzz/TARGET/``, with the files that reach more code: a later run goes on from them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cnnforge", "zipfile", "PIL", "tomllib"]):
    from tests.fuzz.targets import TARGETS

_MAX_MEGABYTES = 1024  # of this process; a file that needs more is a finding
_MAX_SECONDS = 10  # for one file
_MAX_BYTES = 2**16  # of a file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the mutations; 0 draws one")
    parser.add_argument("--file", type=Path, help="run on this file alone, to repeat what was found")
    options = parser.parse_args()
    target = TARGETS[options.target]
    if options.file:
        target.run(options.file.read_bytes())
        return
    folder = Path("fuzz") / options.target
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(content)
    words = folder / "words.txt"
    words.write_text("".join(f'"{word}"\n' for word in target.words), encoding="ascii")
    limits = [f"-max_total_time={options.seconds}", f"-rss_limit_mb={_MAX_MEGABYTES}", f"-timeout={_MAX_SECONDS}"]
    how = [f"-max_len={_MAX_BYTES}", f"-seed={options.seed}", f"-artifact_prefix={folder}/"]
    how += [f"-dict={words}"] if target.words else []
    atheris.Setup([sys.argv[0], *limits, *how, "-print_final_stats=1", str(corpus)], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
