from . import keras_names as keras_names
from .augmentation import AugmentationSection as AugmentationSection
from .loading import (
    apply_override as apply_override,
    changed_recipe as changed_recipe,
    load_recipe as load_recipe,
    recipe_from_values as recipe_from_values,
)
from .resolving import ResolvedRecipe as ResolvedRecipe, resolve as resolve, search_spaces as search_spaces
from .schema import (
    Component as Component,
    DataSection as DataSection,
    Recipe as Recipe,
    TrainingSection as TrainingSection,
    TuningSection as TuningSection,
)
from .spaces import WHOLE_ARCHITECTURE as WHOLE_ARCHITECTURE
from .validation import validate as validate
