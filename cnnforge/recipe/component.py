"""What a recipe names and gives arguments to."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator


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
