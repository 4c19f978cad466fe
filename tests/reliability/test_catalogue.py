"""The catalogue names tests that exist, and says of each case whether it is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.cases import CATALOGUE, cases_of
from tests.reliability.catalogue import verdicts

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = sorted({pattern for _, *patterns in CATALOGUE["tested"].values() for pattern in patterns})


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if not pattern.startswith("figure ")])
def test_a_test_that_the_catalogue_names_exists(pattern: str) -> None:
    path, _, name = pattern.partition("::")
    text = (ROOT / ("" if path.startswith("plugins/") else "tests") / path).read_text(encoding="utf-8")
    function, _, parameter = name.rpartition("::")[2].partition("[")
    assert f"def {function}(" in text or f"class {function}" in text or not function
    assert parameter.split()[0] in text if parameter else True


def test_the_cases_of_a_test() -> None:
    assert cases_of("tests/unit/data/test_decode.py::test_is_decoded_right[IMG08 a kilobyte of junk]") == {"IMG08"}
    assert cases_of("tests/unit/serve/test_catalogue.py::test_srv02_every_image[IMG01 half]") == {"SRV02", "IMG01"}
    assert cases_of("tests/faults/test_memory.py::test_other_errors_are_left_alone") == {"TRN04"}
    assert cases_of("tests/unit/host/test_tune.py::test_contains[space0-inside0-outside0]") == set()


def test_a_case_passes_only_if_all_its_tests_do_and_one_without_any_is_missing() -> None:
    outcomes = {"tests/a.py::test[IMG01 a]": {"passed"}, "tests/a.py::test[IMG02 a]": {"passed", "failed"}}
    found = verdicts(outcomes, {"6": {"is_met": True}})
    assert (found["IMG01"], found["IMG02"], found["IMG03"]) == ("passed", "failed", "missing")
    assert (found["TUN03"], found["TUN06"]) == ("passed", "failed")  # figure 2 was not measured


def test_a_case_stands_in_one_list() -> None:
    rows = [case for kind in CATALOGUE.values() for case in kind]
    assert len(rows) == len(set(rows)) == 174
