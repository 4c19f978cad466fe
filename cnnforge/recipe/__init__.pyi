from . import keras_names as keras_names
from .augmentation import AugmentationSection as AugmentationSection, Component as Component
from .loading import (
    Setting as Setting,
    apply_override as apply_override,
    load_recipe as load_recipe,
    plugin_files as plugin_files,
    recipe_from_values as recipe_from_values,
)
from .resolving import ResolvedRecipe as ResolvedRecipe, check_components as check_components, resolve as resolve
from .schema import (
    DataSection as DataSection,
    Recipe as Recipe,
    TrainingSection as TrainingSection,
)
from .validation import validate as validate
