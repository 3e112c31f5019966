"""Method two: what the occluder hides (Ling et al., NeurIPS 2020), and the rivals in the same table.

``model``       the auto-encoder: encoders of complete and of partial masks, the decoder they share
``pyramid``     the way down the levels and up that encoders and rival share
``blocks``      the pieces that all are made of
``objective``   what each stage minimises
``stages``      the three stages and their ablations, as rows
``completion``  what a trained model says of an object: the answer, samples, how novel it looks
``order``       which of two completed objects lies in front
``pcnet``       the rival that learns, and cannot draw
``rivals``      the rivals that learn nothing
"""
