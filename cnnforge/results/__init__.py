"""What came of a run: evaluation and report."""
