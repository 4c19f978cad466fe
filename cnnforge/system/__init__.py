"""What every room stands on: files, downloads, caches, signals, processors, the Keras backend."""
