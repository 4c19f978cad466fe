"""The web application of a trained run: predictions over HTTP, and a page for people."""
