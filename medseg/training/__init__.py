"""One loop for every stage of every method: `fit` runs the stages, each from the weights of the one before.

``checkpoint``    plain tensors and primitives, written so that a kill at any moment leaves a good one
``device``        where a trained run computes
``programs``      a trained network as a program for other runtimes: torch.export, ONNX
``finite``        a loss that is not finite, told with the cases that it came from
``means``         means of an objective's metrics over batches and processes
``metrics``       metrics.jsonl: one row per epoch, written whether or not anybody tracks the run elsewhere
``pictures``      arrays as W&B's pictures want them: W&B neither scales an image nor checks the shape of a mask
``progress``      the line that tells how a training goes: a bar in a terminal, a line per epoch in a log file
``randomness``    randomness is derived, never saved: what a step draws is a function of (seed, step, rank) alone
``settings``      the loop's and the tracker's sections of a config
``batches``       the batches of a stage, in order
``optimisation``  what moves in a stage, and how fast
``averaging``     the average of the weights on the way, which is validated in their place
``deaths``        a process that dies, told from the errors of those that it leaves behind
``processes``     the processes of a run: starting them, telling them apart, agreeing, and stopping them in good order
``sharing``       cases shared among the processes that torchrun or srun has started
``state``         the state of a stage in training: everything that a checkpoint holds, and how it is taken up again
``resumption``    taking up a run: which checkpoint, whether it belongs to this run, what cannot be the same
``reach``         whether W&B can be reached at all: a key, and a server that answers
``wandb_run``     the W&B run of a run folder, online or offline
``tracking``      what a run tells of itself: metrics.jsonl always, Weights & Biases where it is wanted
``run``           what stays the same over the stages of one run, and the folder that it is kept in
``renewal``       the running statistics of batch norms under averaged weights, counted anew
``loop``          the loop: every stage of every method, on one device or many, from the start or from a checkpoint
``score_log``     what the verbs tell W&B of every method: data, weights, scores

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
