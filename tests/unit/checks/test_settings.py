"""Settings of [training] that contradict one another are refused from the recipe alone, with the way on."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

import cnnforge_checks
from cnnforge.errors import RecipeError
from cnnforge.evaluation import asked_measures
from cnnforge.host import PluginHost, Registry
from cnnforge.recipe import TrainingSection, apply_override, validate
from cnnforge_checks.settings import idle_callbacks

EARLY = 'name="EarlyStopping"'


def training(text: str) -> TrainingSection:
    return validate(TrainingSection, tomllib.loads(text), "training")


@pytest.fixture
def registry() -> Registry:
    host = PluginHost()
    host.register(cnnforge_checks, "cnnforge:checks")
    return Registry(host)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'callbacks=[{{{EARLY}, monitor="val_acc", mode="max"}}]', "monitor=val_acc .*Did you mean 'val_accuracy'"),
        (f'callbacks=[{{{EARLY}, monitor="acc"}}]', "Did you mean 'accuracy'"),
        (f'callbacks=[{{{EARLY}, monitor="val_auc"}}]', "monitor=val_auc .*Measured: loss, "),
        (f'callbacks=[{{{EARLY}, monitor="validation_loss"}}]', "Did you mean 'val_loss'"),
        ('callbacks=[{name="ReduceLROnPlateau", monitor="val_los"}]', "Did you mean 'val_loss'"),
        ('callbacks=[{name="reduce_lr_on_plateau", monitor="val_los"}]', "Did you mean 'val_loss'"),
        ('callbacks=[{name="ModelCheckpoint", filepath="a.keras", save_best_only=true, monitor="val_acc"}]', "val_acc"),
        (
            'callbacks=[{name="ModelCheckpoint", filepath="{epoch}-{val_acc}.keras"}]',
            "{val_acc}. Did you mean 'val_acc",
        ),
        (f'callbacks=[{{{EARLY}, mode="max"}}]', "expected mode=min for monitor=val_loss, since a lower one is better"),
        (f'callbacks=[{{{EARLY}, monitor="val_accuracy", mode="min"}}]', "expected mode=max for monitor=val_accuracy"),
        (f'callbacks=[{{{EARLY}, mode="lower"}}]', "expected mode 'auto', 'min' or 'max', received mode=lower"),
        (f'callbacks=[{{{EARLY}, monitor="val_accuracy", baseline=90}}]', "baseline=90"),
        (
            f'epoch_measures=["macro_f1"]\ncallbacks=[{{{EARLY}, monitor="val_macro_f1"}}]',
            "expected mode 'min' or 'max'",
        ),
        (f'best="macro_f1"\ncallbacks=[{{{EARLY}, monitor="val_macro_f1", mode="min"}}]', "expected mode=max"),
        (f'best="accuracy"\ncallbacks=[{{{EARLY}, restore_best_weights=true}}]', "training.best=accuracy and"),
        (f'metrics=["AUC", "AUC"]\ncallbacks=[{{{EARLY}, monitor="val_auc_1"}}]', "expected mode 'min' or 'max'"),
        (f'metrics=["AUC", "AUC"]\ncallbacks=[{{{EARLY}, monitor="val_auc_2"}}]', "Did you mean 'val_auc_1'"),
        ('schedule="cosine"\ncallbacks=["ReduceLROnPlateau"]', "training.schedule=cosine and ReduceLROnPlateau"),
        ('callbacks=[{name="LearningRateScheduler", schedule="cosine"}]', "takes a function"),
        ('callbacks=["LambdaCallback"]', "takes a function"),
        ('callbacks=[{name="BackupAndRestore", backup_dir="x"}]', "BackupAndRestore"),
        ('loss={name="binary_crossentropy", from_logits=true}', "training.loss: expected from_logits=false"),
        ('metrics=[{name="AUC", from_logits=true}]', r"training.metrics\[0\]: expected from_logits=false"),
        ('loss={name="categorical_crossentropy", label_smoothing=1.5}', "label_smoothing=1.5"),
        ('loss={name="categorical_crossentropy", label_smoothing=-0.1}', "label_smoothing=-0.1"),
        ('loss={name="binary_crossentropy", reduction="none"}', "reduction=none"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, expected, registry):
    with pytest.raises(RecipeError, match=expected):
        asked_measures(training(text), registry)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f'callbacks=[{{{EARLY}, monitor="val_accuracy", mode="max", restore_best_weights=true}}]',
        f'best="loss"\ncallbacks=[{{{EARLY}, restore_best_weights=true}}]',
        f'epoch_measures=["macro_f1"]\ncallbacks=[{{{EARLY}, monitor="val_macro_f1", mode="max"}}]',
        f'metrics=["AUC"]\ncallbacks=[{{{EARLY}, monitor="val_auc"}}]',
        f'metrics=[{{name="AUC", curve="PR"}}]\ncallbacks=[{{{EARLY}, monitor="auc"}}]',
        f'metrics=["acme:Sharpness"]\ncallbacks=[{{{EARLY}, monitor="val_sharpness"}}]',
        f'callbacks=["acme:AddsFigures", {{{EARLY}, monitor="val_sharpness"}}]',
        'callbacks=[{name="ModelCheckpoint", filepath="a/{epoch:02d}-{val_loss:.2f}.keras", monitor="unused"}]',
        'callbacks=["ReduceLROnPlateau", "TerminateOnNaN"]',
        'schedule="cosine"\ncallbacks=["EarlyStopping"]',
        f'metrics=["AUC", "AUC", "AUC"]\ncallbacks=[{{{EARLY}, monitor="val_auc_2", mode="max"}}]',
        'loss={name="binary_crossentropy", label_smoothing=0.1, from_logits=false}',
    ],
)
def test_what_fits_is_left_alone(text, registry):
    asked = training(text)
    names = [entry.spec.name for entry in asked_measures(asked, registry)]
    assert names == [*(asked.epoch_measures or ()), *([asked.best] if asked.best else [])]


def test_the_hint_works_when_it_is_pasted(registry):
    asked = training(f'callbacks=["TerminateOnNaN", {{{EARLY}, monitor="val_acc", mode="max", patience=2}}]')
    with pytest.raises(RecipeError) as refused:
        asked_measures(asked, registry)
    setting = str(refused.value.hint).removeprefix("--set '").removesuffix("'")
    values = {"training": asked.model_dump(mode="json", exclude_none=True)}
    apply_override(values, setting)
    changed = validate(TrainingSection, values["training"], "training")
    assert changed.callbacks[1].arguments == {"monitor": "val_accuracy", "mode": "max", "patience": 2}
    assert changed.callbacks[0] == asked.callbacks[0]
    asked_measures(changed, registry)


def test_who_waits_longer_than_the_run_lasts_is_named():
    text = f'epochs=3\ncallbacks=[{{{EARLY}, patience=3}}, "ReduceLROnPlateau", {{{EARLY}, patience=2}}, "acme:Mine"]'
    assert idle_callbacks(training(text)) == [
        "Note     EarlyStopping waits for 3 epochs and could do nothing in 3",
        "Note     ReduceLROnPlateau waits for 10 epochs and could do nothing in 3",
    ]
    assert idle_callbacks(training("epochs=3\nfine_tuning={epochs=5}\n" + text.split("\n")[1])) == [
        "Note     ReduceLROnPlateau waits for 10 epochs and could do nothing in 8"
    ]


def test_checking_a_recipe_imports_nothing_heavy():
    code = (
        "import sys, cnnforge_checks.settings, cnnforge_checks.callbacks;"
        "print([m for m in ('keras', 'tensorflow', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
