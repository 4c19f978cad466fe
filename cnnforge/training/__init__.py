"""From prepared data and a recipe to a trained model."""
