"""One loop for every stage of every method: `fit` runs the stages, each from the weights of the one before.

loop.py knows neither the model nor the data; what a step minimises is the stage's objective, what it sees is
the source's batch.
"""
