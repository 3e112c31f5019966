"""The networks of method two: nothing but torch, monai and the axis letters, for anybody's training loop.

``layout``   the numbers that every network is built for
``blocks``   the pieces that all are made of
``pyramid``  the way down the levels and up that encoders and rival share
``pixelcnn``  a prior over complete shapes, cell by cell
``model``    the auto-encoder: encoders of complete and of partial masks, the decoder they share
``divergences``  between Gaussians over z
``pcnet``    the rival that learns without z, and draws by dropout alone

Each may import those above it.
"""
