# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What did the model learn of the truth and of the annotators?
#
# Look here after `medseg evaluate`: at the recovered truth beside the vote, at what the model predicts that
# each annotator would draw, at each annotator's confusion matrix, and at the training itself. Without a run the
# notebook trains a small model for a minute, on its own images with five simulated annotators unless a folder
# is given.

# %%
COHORT = None  # or the path of a folder with manifest.csv
RUN = None  # or the folder of an evaluated run

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from medseg.experiment.methods import load_config
from medseg.cohorts.cohort import load_cohort
from medseg.annotators.simulation.samples import biased_annotators, write_samples
from medseg.evaluation.agreement import present
from medseg.experiment.evaluate import evaluate_run
from medseg.experiment.train import train
from medseg.annotators.pictures.heatmaps import draw_matrix, read_confusion
from medseg.annotators.pictures.panels import annotator_colours, read_panel
from medseg.reporting import read_album

CONFIG = """
experiment: notebook
recipe: shared_truth_pixel
data:
  cohort: {cohort}
  grid: {{mode: resize, size: {size}}}
  augment: {{flip_axes: [0], intensity: 0.1}}
network: {{channels: [8, 16, 32, 64], features: 8, residual_units: 1}}
confusion: {{lr_factor: 30, trunk: 8}}
training:
  batch_size: 4
  steps: {{warmup: 275, joint: 385}}
  learning_rate: 0.01
"""

# %%
folder = Path(tempfile.mkdtemp())
if COHORT is None and RUN is None:
    write_samples(folder / "samples", seed=0, spatial_dims=2, size=64, cases=64, annotators=biased_annotators(2, 64))
if RUN is None:
    cohort = load_cohort(Path(COHORT or folder / "samples"))
    size = [64, 64] if cohort.spatial_dims == 2 else [64, 64, 32]
    (folder / "notebook.yaml").write_text(CONFIG.format(cohort=cohort.root, size=size))
    train(load_config(folder / "notebook.yaml"), folder / "run", progress=False)
    evaluate_run(folder / "run")
run = Path(RUN or folder / "run")

panels = [read_panel(path) for path in sorted((run / "report/panels").glob("*.npz"))]
scores = pd.read_csv(run / "scores.csv", keep_default_na=False, na_values="nan")
annotators, classes = panels[0].annotators, panels[0].classes
colours = annotator_colours(annotators)
plt.rcParams |= {"figure.dpi": 100, "font.size": 9, "image.cmap": "gray"}

print(f"{run.name}: test cases {scores['case'].replace('', np.nan).nunique()}, annotators {', '.join(annotators)}")
print((run / "report/alarms.txt").read_text() or "no alarm")
scores.groupby(["metric", "label"], sort=False)["value"].mean().unstack().map("{:.3f}".format).replace(
    "nan", ""
)

# %% [markdown]
# ## The recovered truth
# Beside the vote, the worst test case first; a volume has a slider over its slices. The model saw the image alone, not
# the masks that were voted on. Where the truth is known, its outline is white. Look for borders that the vote has wrong
# and the model has right, and for a truth that no annotator drew: the likelihood can improve while the truth drifts.
# High entropy belongs on borders; over a whole structure it means that the model cannot tell what it is.

# %%
read_album(run / "report")

# %% [markdown]
# ## Each annotator, predicted
# What the annotator drew (line) and what the model, from the image alone, expects this annotator to draw (dots).
# The model should follow a habit, such as drawing too large, and ignore a slip of the moment.

# %%
panel = panels[0]
here = np.flatnonzero(present(panel.labels))
columns = min(5, len(here))
rows = -(-len(here) // columns)
height = 13 / columns * rows * panel.aspect * panel.image.shape[0] / panel.image.shape[1]
figure, axes = plt.subplots(rows, columns, figsize=(13, height + 0.7), squeeze=False, layout="compressed")
for ax in axes.flat:
    ax.axis("off")
for ax, annotator in zip(axes.flat, here, strict=False):
    ax.imshow(panel.image, aspect=panel.aspect)
    drawn, expected = panel.labels[annotator], panel.annotator_labels[annotator]
    for label in range(1, len(classes)):
        if (drawn == label).any():
            ax.contour(drawn == label, [0.5], colors=colours[annotators[annotator]], linewidths=1.2)
        if (expected == label).any():
            ax.contour(expected == label, [0.5], colors="white", linestyles=":", linewidths=1.5)
    ax.set_title(annotators[annotator], color=colours[annotators[annotator]])
plt.show()

# %% [markdown]
# ## Who confuses what with what
# Columns are true classes, rows what the annotator calls them; each column sums to 1. Above: what the model
# learned without ever seeing a truth. Below, where a truth is known: what was counted on the test cases.
# Look along the diagonal (reliability), at the first row (misses) and at the first column (additions).
#
# The table says how far the truth of all labels relied on each annotator, in nats per disputed voxel, case by case:
# near 0 his labels said nothing there, below 0 they were overruled. Look at the cases in which a good annotator was.

# %%
confusions = read_confusion(run / "confusion.csv")
known = any(confusion.empirical is not None for confusion in confusions)
columns = min(5, len(confusions))
blocks = -(-len(confusions) // columns)
rows = blocks * (1 + known)
size = (2.9 * columns, 2.9 * rows)
figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
for ax in axes.flat:
    ax.axis("off")
for place, confusion in enumerate(confusions):
    block, column = divmod(place, columns)
    learned = axes[block * (1 + known), column]
    draw_matrix(learned, confusion.estimated, classes)
    learned.set_title(f"{confusion.annotator}, learned", color=colours[confusion.annotator])
    if confusion.empirical is not None:
        counted = axes[2 * block + 1, column]
        draw_matrix(counted, confusion.empirical, classes)
        counted.set_title(f"{confusion.annotator}, counted", color=colours[confusion.annotator])
for ax in axes.flat:
    ax.label_outer()
plt.show()

reliance = pd.read_csv(run / "reliance.csv", dtype={"case": str, "annotator": str}, keep_default_na=False, na_values="nan")
reliance.pivot(index=["split", "case"], columns="annotator", values="nats").reindex(columns=list(annotators)).round(2)

# %% [markdown]
# ## Was the style learned?
# The foreground of each annotator relative to the mean of the case's annotators, drawn and predicted; a small dot
# is a case, a large one the median. On the diagonal the style is recovered; on a level line the model treats
# all annotators alike, which is right only if they are. Errors at random places, such as the cuts of
# fractured_over, cannot be predicted from the image: such an annotator lies off the diagonal.

# %%
style = scores[scores["metric"].isin(["relative_area", "predicted_relative_area"])]
style = style.pivot_table(index=["annotator", "case"], columns="metric", values="value").dropna()
figure, ax = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
ax.axline((1, 1), slope=1, color="0.7", lw=1)
sizes = np.linspace(160, 50, len(annotators))  # so that dots on top of one another are all seen
for name, size in zip(annotators, sizes, strict=True):
    drawn, expected = style.loc[name, "relative_area"], style.loc[name, "predicted_relative_area"]
    ax.scatter(drawn, expected, s=9, color=colours[name], alpha=0.4)
    ax.scatter(drawn.median(), expected.median(), s=size, color=colours[name], edgecolor="black", label=name)
ax.set_xlabel("relative area as drawn")
ax.set_ylabel("relative area as predicted")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
plt.show()

# %% [markdown]
# ## The training
# A line that has not levelled off asks for more steps; validation that rises while training falls, for fewer
# or for more cases. The fall of nll where the matrices are set free is what the annotators' errors explain. The
# trace is the annotators' mean reliability. Should the dominance reach 0, the annotators together no longer call most
# often what the model takes for true: the classes may have swapped.

# %%
curves = pd.read_json(run / "metrics.jsonl", lines=True)
metrics = [name for name in ("nll", "trace", "dominance") if f"train/{name}" in curves]
size = (4.3 * len(metrics), 3.2)
figure, axes = plt.subplots(1, len(metrics), figsize=size, squeeze=False, layout="constrained")
for ax, name in zip(axes.flat, metrics, strict=True):
    for origin in ("train", "val"):
        points = curves[["step", f"{origin}/{name}"]].dropna()
        ax.plot(points["step"], points[f"{origin}/{name}"], label=origin)
    for stage, start in curves.groupby("stage", sort=False)["step"].min().items():
        ax.axvline(start, color="0.8", lw=1, zorder=0)
        ax.text(start, 0.97, f" {stage}", transform=ax.get_xaxis_transform(), va="top", color="0.4")
    ax.margins(y=0.14)
    ax.set_title(name)
    ax.set_xlabel("step")
axes[0, 0].legend(frameon=False, loc="center right")
plt.show()
