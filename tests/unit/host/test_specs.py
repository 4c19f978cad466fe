"""Descriptors: a wrong one is refused when it is registered, with the reason."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import ValidationError

import cnnforge
from cnnforge import ArchitectureSpec, DataSourceSpec, ExecutorSpec, Field, Options, RecipeSpec, Tune
from cnnforge.host.specs import options_problems, search_space


class Sound(Options):
    units: Annotated[int, Field(ge=1), Tune.choice(8, 16)] = 8
    rate: Annotated[float, Field(ge=0, lt=1), Tune.float(0, 0.5)] = 0.0
    filters: Annotated[tuple[int, ...], Tune.each_int(8, 64, step=8)] = (8, 16)
    plain: str = "x"


class DefaultOutside(Options):
    units: Annotated[int, Tune.choice(8, 16)] = 9


class SpaceOutside(Options):
    units: Annotated[int, Field(ge=1, le=32), Tune.int(0, 64)] = 8


class SpaceOfTheWrongType(Options):
    units: Annotated[int, Tune.choice(8, "many")] = 8


class NoDefault(Options):
    units: int
    rate: float


def architecture(**changes):
    return ArchitectureSpec(**{"name": "tiny", "summary": "one line", "build": "package.module:build", **changes})


@pytest.mark.parametrize(
    "spec",
    [
        architecture(options=Sound),
        DataSourceSpec(name="photos_2", summary="one line", open="module:open"),
        RecipeSpec(name="my-recipe", summary="one line", resource="package:recipes/my.toml"),
        ExecutorSpec(name="local", summary="x" * 100, start="module:start"),
    ],
    ids=lambda spec: spec.kind,
)
def test_a_sound_spec_has_no_problems(spec):
    assert spec.problems() == []


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (architecture(api=2), "needs plugin api=2, this cnnforge speaks 1: upgrade cnnforge"),
        (architecture(name="Tiny"), "received name='Tiny'"),
        (architecture(name="ti-ny"), "received name='ti-ny'"),
        (architecture(name=""), "received name=''"),
        (architecture(name="tiny\n"), "received name='tiny\\n'"),
        (architecture(summary=""), "a summary of one line and at most 100 characters"),
        (architecture(summary="a\nb"), "a summary of one line"),
        (architecture(summary="x" * 101), "a summary of one line"),
        (architecture(build="package.module"), "expected 'package.module:function', received 'package.module'"),
        (architecture(build="package:a.b"), "received 'package:a.b'"),
        (architecture(search_space="package.module"), "received 'package.module'"),
        (architecture(input_shape=(150, 150)), "received (150, 150)"),
        (architecture(input_shape=(0, 150, 3)), "received (0, 150, 3)"),
        (architecture(options=dict), "expected a subclass of cnnforge.Options, received options=<class 'dict'>"),
        (architecture(options=NoDefault), "every option needs a default; units, rate has none"),
        (architecture(options=DefaultOutside), "option units: default 9 lies outside its search space (8 | 16)"),
        (architecture(options=SpaceOutside), "option units: search-space value 0 is outside the field's bounds"),
        (architecture(options=SpaceOfTheWrongType), "search-space value 'many' is outside"),
        (DataSourceSpec(name="d", summary="s", open="nowhere"), "received 'nowhere'"),
        (RecipeSpec(name="r", summary="s", resource="package:file.txt"), "received 'package:file.txt'"),
        (RecipeSpec(name="r", summary="s", resource="file.toml"), "received 'file.toml'"),
        (ExecutorSpec(name="e", summary="s", start="1:x"), "received '1:x'"),
    ],
)
def test_what_is_wrong_with_a_spec_is_said(spec, problem):
    assert problem in "; ".join(spec.problems())


def test_specs_and_options_cannot_be_changed():
    with pytest.raises(AttributeError):
        architecture().name = "other"
    with pytest.raises(ValidationError, match="frozen"):
        Sound().units = 16


@pytest.mark.parametrize("values", [{"unit": 1}, {"rate": float("nan")}, {"units": 0}])
def test_options_refuse_what_they_do_not_know_or_admit(values):
    with pytest.raises(ValidationError):
        Sound(**values)


def test_the_search_space_of_a_field_is_found_beside_its_bounds():
    assert search_space(Sound, "units") == Tune.choice(8, 16)
    assert search_space(Sound, "plain") is None


def test_a_mark_that_fits_every_bound_is_no_problem():
    assert options_problems(Sound) == []


def test_the_public_names_are_these_and_all_exist():
    assert cnnforge.__all__ == [
        "API_VERSION",
        "ArchitectureSpec",
        "AugmentationSpec",
        "CommandSpec",
        "DataSourceSpec",
        "ExecutorSpec",
        "ExplainerSpec",
        "ExportFormatSpec",
        "Field",
        "ImageFile",
        "ImageFiles",
        "LabelledImages",
        "LeftOut",
        "MeasureSpec",
        "Options",
        "RecipeSpec",
        "ReportSectionSpec",
        "Run",
        "SearchAlgorithmSpec",
        "SettingsSpec",
        "Tune",
        "cache_dir",
        "check",
        "compare",
        "head",
        "hookimpl",
        "load",
        "natural_key",
        "open_data",
        "open_files",
        "reproduce",
        "run",
        "runs",
        "tune",
        "wants_pretrained",
    ]
    assert [name for name in cnnforge.__all__ if not hasattr(cnnforge, name)] == []
