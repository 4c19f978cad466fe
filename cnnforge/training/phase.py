"""The phases of training: the recipe's own, and after it fine-tuning, in which the backbone learns too.

Fine-tuning is that of Keras's guide to transfer learning: a low learning rate, a fresh optimizer, and batch
normalization left as it is, since its statistics of a few batches would undo what was learned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import keras

from cnnforge.network import leaves
from cnnforge.recipe import ResolvedRecipe
from cnnforge.training.backbone import split_at


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of training: the recipe with the settings of that part, and where it begins among all epochs."""

    number: int
    resolved: ResolvedRecipe
    first_epoch: int

    @property
    def last_epoch(self) -> int:
        """How many epochs are over when it ends."""
        return self.first_epoch + self.resolved.recipe.training.epochs


def phases(resolved: ResolvedRecipe) -> list[Phase]:
    """Return the phases of a recipe, one or two."""
    training = resolved.recipe.training
    first = Phase(0, resolved, 0)
    if training.fine_tuning is None:
        return [first]
    changed = training.fine_tuning.model_dump(include={"epochs", "learning_rate"})
    if training.fine_tuning.augmentation is not None:
        changed["augmentation"] = training.fine_tuning.augmentation
    recipe = resolved.recipe.model_copy(update={"training": training.model_copy(update=changed)})
    return [first, Phase(1, replace(resolved, recipe=recipe), first.last_epoch)]


def let_backbone_learn(model: keras.Model, name: str, num_layers: int | None) -> int:
    """Have the last layers of a backbone learn, batch normalization excepted, and return how many do.

    Args:
        model: The network; it must be compiled again.
        name: The layer that ends the backbone.
        num_layers: How many layers with weights; None for all.
    """
    backbone, _ = split_at(model, name)
    backbone.trainable = True
    weighted = [layer for layer in leaves(backbone) if layer.weights]
    learning = weighted[-num_layers:] if num_layers else weighted
    for layer in weighted:
        layer.trainable = layer in learning and not isinstance(layer, keras.layers.BatchNormalization)
    return sum(layer.trainable for layer in weighted)
