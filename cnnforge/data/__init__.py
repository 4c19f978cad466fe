"""From labelled images to batches: scan, manifest, splits, image store, feed."""
