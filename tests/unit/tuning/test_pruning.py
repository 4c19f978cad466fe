"""The pruning rules, on histories written out by hand."""

from __future__ import annotations

import json

import pytest

from cnnforge.running.run_dir import RunDir
from cnnforge_tuning.objective import Objective
from cnnforge_tuning.pruning import histories, history, is_below_median, is_halved

ACCURACY, LOSS = Objective("val_accuracy", is_max=True), Objective("val_loss", is_max=False)


@pytest.mark.parametrize(
    ("own", "others", "is_pruned"),
    [
        ([0.5], [[0.6], [0.7], [0.8], [0.9]], True),
        ([0.75], [[0.6], [0.7], [0.8], [0.9]], False),  # exactly the median
        ([0.5], [[0.6], [0.7], [0.8]], False),  # too few to tell
        ([0.5, 0.95], [[0.6, 0.9]] * 4, False),
        ([0.95, 0.5], [[0.6, 0.9]] * 4, False),  # its best counts, not its last
        ([0.5], [[0.4, 0.9]] * 4, False),  # what the others came to later does not
        ([0.5, 0.5], [[0.9]] * 4, False),  # nobody got as far
        ([float("nan")], [[0.6]] * 4, True),
    ],
)
def test_the_median_rule(own, others, is_pruned):
    assert is_below_median(own, others, ACCURACY) == is_pruned
    mirrored = [[1 - value for value in other] for other in others]
    assert is_below_median([1 - value for value in own], mirrored, LOSS) == is_pruned


@pytest.mark.parametrize(
    ("own", "others", "is_pruned"),
    [
        ([0.5], [[0.6], [0.7]], True),
        ([0.7], [[0.6], [0.5]], False),
        ([0.6], [[0.6], [0.6]], False),  # as good as the best third
        ([0.5], [[0.6]], False),  # two are too few to drop one
        ([0.5, 0.5], [[0.6, 0.6], [0.7, 0.7]], False),  # two epochs are no rung
        ([0.5, 0.5, 0.5], [[0.6, 0.6, 0.6], [0.7, 0.7, 0.7]], True),
        ([0.65], [[0.6], [0.7], [0.5], [0.4], [0.3]], False),  # second of six
    ],
)
def test_successive_halving(own, others, is_pruned):
    assert is_halved(own, others, ACCURACY) == is_pruned
    mirrored = [[1 - value for value in other] for other in others]
    assert is_halved([1 - value for value in own], mirrored, LOSS) == is_pruned


def test_histories_are_read_from_the_metrics_of_every_trial(tmp_path):
    for trial, values in {"0000": [0.5, 0.6], "0001": [0.7]}.items():
        (tmp_path / trial).mkdir()
        lines = [json.dumps({"epoch": i, "val_accuracy": v}) for i, v in enumerate(values, start=1)]
        (tmp_path / trial / "metrics.jsonl").write_text("\n".join(lines) + '\n{"epoch": 3, "val_ac', encoding="utf-8")
    (tmp_path / "0002").mkdir()
    assert histories(tmp_path, ACCURACY) == {"0000": [0.5, 0.6], "0001": [0.7]}
    missing = history(RunDir(tmp_path / "0001"), LOSS)
    assert len(missing) == 1
    assert missing[0] != missing[0]
