"""What a recipe names with arguments; and how training images are varied, by preset or knob by knob."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from cnnforge.errors import did_you_mean

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "light": {"flip": "horizontal", "crop": 0.8},
    "standard": {"flip": "horizontal", "crop": 0.5, "rotation": 10.0, "color": 0.2},
    "strong": {
        "flip": "horizontal",
        "crop": 0.3,
        "rotation": 15.0,
        "translation": 0.05,
        "color": 0.3,
        "erasing": 0.25,
        "rand_augment": 0.3,
        "mixup": 0.2,
    },
}
"""What each preset switches on; a knob that is given beside it is stronger."""


class Component(BaseModel):
    """A Keras object or an augmentation: its name or ``"package.module:name"``, and its arguments beside it."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: str

    @model_validator(mode="before")
    @classmethod
    def _accept_a_bare_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_serializer(mode="wrap")
    def _write_a_bare_name(self, handler: SerializerFunctionWrapHandler) -> Any:
        return handler(self) if self.model_extra else self.name

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, without the name."""
        return dict(self.model_extra or {})


class AugmentationSection(BaseModel):
    """How training images are varied; everything off by default. Validation and test images never are."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    flip: Annotated[Literal["none", "horizontal", "both"], Field(description="mirror half of the images")] = "none"
    crop: Annotated[
        float, Field(gt=0, le=1, description="smallest share of the area that a random crop keeps; 1: no crop")
    ] = 1.0
    rotation: Annotated[float, Field(ge=0, le=180, description="largest turn either way, in degrees")] = 0.0
    translation: Annotated[float, Field(ge=0, lt=1, description="largest shift, as a share of the side")] = 0.0
    color: Annotated[float, Field(ge=0, le=1, description="strength of brightness, contrast, saturation")] = 0.0
    erasing: Annotated[float, Field(ge=0, le=1, description="share of images with a rectangle blotted out")] = 0.0
    rand_augment: Annotated[
        float, Field(ge=0, le=1, description="magnitude of two random operations (RandAugment); 0: none")
    ] = 0.0
    mixup: Annotated[float, Field(ge=0, le=10, description="blend pairs of images, Beta(mixup, mixup); 0: off")] = 0.0
    cutmix: Annotated[float, Field(ge=0, le=10, description="paste pieces of others, Beta(cutmix, cutmix)")] = 0.0
    extra: Annotated[
        tuple[Component, ...], Field(description="further augmentations, of plugins or 'package.module:function'")
    ] = ()

    @model_validator(mode="before")
    @classmethod
    def _spell_out_the_preset(cls, value: Any) -> Any:
        """Replace a preset by what it means, so that a recorded recipe never depends on it."""
        if isinstance(value, str):
            value = {"preset": value}
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("extra"), list):  # strict validation behind this validator takes no list for a tuple
            value = {**value, "extra": tuple(map(_component, value["extra"]))}
        if "preset" not in value:
            return value
        knobs = {name: setting for name, setting in value.items() if name != "preset"}
        preset = value["preset"]
        if preset not in PRESETS:
            raise ValueError(
                f"unknown preset {preset!r}.{did_you_mean(str(preset), PRESETS)} Known: {', '.join(PRESETS)}"
            )
        return {**PRESETS[preset], **knobs}

    @model_serializer(mode="wrap")
    def _leave_out_what_is_empty(self, handler: SerializerFunctionWrapHandler) -> Any:
        """Write ``extra`` only where there is any, so that runs from before there was are the same runs."""
        return {name: value for name, value in handler(self).items() if name != "extra" or value}

    @property
    def mixes_images(self) -> bool:
        """Whether images are blended with one another, so that targets become fractions."""
        return bool(self.mixup or self.cutmix)

    @property
    def is_on(self) -> bool:
        """Whether anything is varied at all."""
        return self != AugmentationSection()


def _component(item: Any) -> Any:
    is_named = isinstance(item, str) or (isinstance(item, dict) and isinstance(item.get("name"), str))
    return Component.model_validate(item) if is_named else item
