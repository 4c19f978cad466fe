"""The search for better settings: Keras Tuner's oracles decide what to try, CNNForge runs the trials."""
