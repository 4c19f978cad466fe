"""The command line: one module a command, none of which imports Keras, TensorFlow or NumPy before it must."""
