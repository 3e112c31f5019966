"""From files to batches, geometry kept."""
