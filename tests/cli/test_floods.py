"""Small files that take long to decode end no command: they are left out and named."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.unit.data.flood_cases import FLOODS

pytestmark = pytest.mark.slow
REASON = "takes too long to decode"


def flooded(folder):
    """Write every flood into a folder and return the names of the files."""
    for number, case in enumerate(FLOODS):
        (folder / f"flood-{number}.jpg").write_bytes(case.make())
    return {f"flood-{number}.jpg" for number in range(len(FLOODS))}


def test_data_check_and_evaluate_leave_floods_out_and_name_them(cli, trained, tmp_path):
    shutil.copytree(trained.photographs, tmp_path / "photographs")
    names = {f"apple/{name}" for name in flooded(tmp_path / "photographs" / "apple")}
    allowed = ("--set", "data.max_unreadable=0.5")
    left_out = json.loads(cli("data", "check", str(tmp_path / "photographs"), "--json", *allowed).out)["left_out"]
    assert {item["name"] for item in left_out} == names
    assert sum(REASON in item["reason"] for item in left_out) == len(FLOODS) - 1  # the last is too large by its header
    done = cli("evaluate", str(trained.copy(tmp_path)), "--data", str(tmp_path / "photographs"), "--json")
    assert json.loads(done.out)["num_images"] == len(list(trained.photographs.rglob("*.png")))


def test_predict_gives_floods_a_reason_and_goes_on(cli, trained, tmp_path):
    flooded(tmp_path)
    good = trained.photographs / "pear" / "3.png"
    done = cli("predict", str(trained.run), str(tmp_path), str(good), "--json")
    predictions = json.loads(done.out)
    assert done.code == 0
    assert sum(REASON in prediction.get("error", "") for prediction in predictions) == len(FLOODS) - 1
    assert [prediction["name"] for prediction in predictions if "predicted" in prediction] == [str(good)]
