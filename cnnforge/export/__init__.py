"""Trained networks for other programs: SavedModel, ONNX, LiteRT and Keras files, each checked in its own runtime."""
