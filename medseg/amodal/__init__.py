"""Method two: what the occluder hides (Ling et al., NeurIPS 2020), and the rivals in the same table."""
