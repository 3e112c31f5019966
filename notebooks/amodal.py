# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What does the model make of what it cannot see?
#
# The three stages on one occluded object: what stage I redraws, what stage II completes where the occluder is
# synthetic, what stage III makes of a real one. Then samples, the probability map, and the interval of the
# area beside the true one; at last an object unlike all others, which the model should leave alone. Without a
# folder the notebook draws its own label maps of crossing rods and beans, and trains for half a minute.

# %%
COHORT = None  # or the path of a folder with manifest.csv

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.colors import ListedColormap

from medseg.experiment.methods import load_config
from medseg.cohorts.cohort import load_cohort
from medseg.amodal.objects import objects_of_split
from medseg.amodal.occlusion.batches import batch_of
from medseg.amodal.shapes import write_shapes
from medseg.cohorts.splits import apply, read_splits
from medseg.amodal.scores import score_object
from medseg.evaluation.coverage import central_interval
from medseg.amodal.assembly import occluded_objects, simulated_objects
from medseg.amodal.completion.label_maps import complete_map
from medseg.amodal.completion.completer import Completer
from medseg.experiment.train import train

CONFIG = """
experiment: notebook
recipe: three_stages
data:
  cohort: {cohort}
  split: {{val: 0.15, test: 0.25}}
  frame: {{size: {size}, spacing: {spacing}}}
  occlusion: {{occluded: [0.05, 0.5]}}
network: {{channels: [16, 32, 32], coarse: 16}}
objective: {{warmup: 3}}
training:
  batch_size: 16
  epochs: {{complete: 10, occluded: 18, visible: 3}}
  learning_rate: 0.005
"""

# %%
torch.set_num_threads(1)
folder = Path(tempfile.mkdtemp())
if COHORT is None:
    write_shapes(folder / "cohort", seed=0, spatial_dims=2, cases=48, size=128)
cohort = load_cohort(Path(COHORT or folder / "cohort"))
size, spacing = ([48, 48], 1.0) if cohort.spatial_dims == 2 else ([32, 32, 32], "null")
(folder / "notebook.yaml").write_text(CONFIG.format(cohort=cohort.root, size=size, spacing=spacing))
config = load_config(folder / "notebook.yaml")
train(config, folder / "run", progress=False)

names = ["complete", "occluded", "visible"]
stages = {name: Completer.load(folder / "run", name) for name in names}
completer = Completer.load(folder / "run")
cohort = apply(cohort, read_splits(folder / "run/splits.json"))
objects = occluded_objects(cohort, "test", config)
answers = [judged.completion for judged in completer.answers(objects, samples=50, abstain=False)]
scores = pd.DataFrame(
    [{s.metric: s.value for s in score_object(*pair)} for pair in zip(objects, answers, strict=True)]
)
occluded = scores["occluded_fraction"].to_numpy()
one = int(np.argsort(np.abs(occluded - 0.35))[0])
amodal_object, answer = objects[one], answers[one]
middle = (slice(None),) * 2
if amodal_object.visible.ndim == 3:
    middle = (*middle, int((amodal_object.amodal & ~amodal_object.visible).sum((0, 1)).argmax()))
colours = ListedColormap(["white", "lightskyblue", "mediumseagreen", "darkorange"])
plt.rcParams |= {"figure.dpi": 100, "font.size": 9}

print(f"{len(objects)} occluded test objects; shown: {amodal_object.name}, {occluded[one]:.0%} occluded")
scores.mean().to_frame("mean over the test objects").T.round(3)

# %% [markdown]
# ## Stage I: the space of shapes
# Unoccluded objects, and what is left of them after a passage through the code. What the decoder cannot redraw
# here, no completion can contain; blurred borders ask for more epochs or a longer code.

# %%
unoccluded = [found for found in objects_of_split(cohort, "test") if found.unoccluded]
batch = batch_of(unoccluded[:: max(1, len(unoccluded) // 8)][:8], completer.frame)
with torch.no_grad():
    latent = completer.model.complete(batch.amodal, batch.class_index)
    redrawn = completer.model.decoder(latent.mean(), batch.class_index).sigmoid()
flat = (0, *((slice(None),) * 2 if batch.amodal.ndim == 4 else (..., batch.amodal.shape[-1] // 2)))
figure, axes = plt.subplots(2, len(redrawn), figsize=(12, 3.4), squeeze=False, layout="compressed")
for column, (mask, again) in enumerate(zip(batch.amodal, redrawn, strict=True)):
    axes[0, column].imshow(mask[flat], cmap="gray", vmin=0, vmax=1)
    axes[1, column].imshow(again[flat], cmap="gray", vmin=0, vmax=1)
axes[0, 0].set_title("mask", loc="left")
axes[1, 0].set_title("redrawn", loc="left")
for ax in axes.flat:
    ax.axis("off")
plt.show()

# %% [markdown]
# ## Stages II and III: completions
# After stage I the encoder of partial masks has learnt nothing; its answer is not one. Stage II learns from
# occluders that are drawn over unoccluded objects, as in the first row; stage III sees really occluded objects, as
# in the second, but never what is behind. Stage III should change little: where it adds more than stage II, it
# inflates. The numbers are the IoU with the truth.

# %%
simulated = simulated_objects(unoccluded, config)
synthetic = simulated[int(np.argmin([other.visible.sum() / other.amodal.sum() for other in simulated]))]
figure, axes = plt.subplots(2, 5, figsize=(10, 5.2), layout="constrained")
for row, shown in zip(axes, (synthetic, amodal_object), strict=True):
    cut = (slice(None),) * 2
    if shown.visible.ndim == 3:
        cut = (*cut, int((shown.amodal & ~shown.visible).sum((0, 1)).argmax()))
    masks = {"seen": shown.visible, "truth": shown.amodal}
    for number, name in enumerate(names, start=1):
        masks[f"stage {'I' * number}"] = stages[name].answers([shown], 0, abstain=False)[0].completion.amodal
    for ax, (title, mask) in zip(row, masks.items(), strict=True):
        painted = np.select([shown.visible, mask, shown.occluder], [2, 3, 1])
        ax.imshow(painted[cut], cmap=colours, vmin=0, vmax=3, interpolation="nearest")
        both, either = (mask & shown.amodal).sum(), (mask | shown.amodal).sum()
        ax.set_title(f"{title}: {both / either:.2f}")
        ax.axis("off")
    print(f"{shown.name}: occluded {1 - shown.visible.sum() / shown.amodal.sum():.0%}")
plt.show()

# %% [markdown]
# ## Samples, and the probability of every voxel
# Each sample is one object that could be there; the visible voxels belong to all of them. Samples that are all
# alike where the truth lies elsewhere are too sure of themselves.

# %%
figure, axes = plt.subplots(2, 4, figsize=(10, 5.6), layout="constrained")
for number, ax in enumerate(axes.flat[:7]):
    painted = np.select([amodal_object.visible, answer.samples[number], amodal_object.occluder], [2, 3, 1])
    ax.imshow(painted[middle], cmap=colours, vmin=0, vmax=3, interpolation="nearest")
    ax.contour(amodal_object.amodal[middle], [0.5], colors="black", linewidths=1)
    ax.set_title(f"sample {number + 1}")
shown = axes[1, 3].imshow(answer.probs[middle], cmap="magma", vmin=0, vmax=1)
axes[1, 3].contour(amodal_object.amodal[middle], [0.5], colors="white", linewidths=1)
axes[1, 3].set_title("probability")
figure.colorbar(shown, ax=axes[1, 3], shrink=0.7)
for ax in axes.flat:
    ax.axis("off")
plt.show()

# %% [markdown]
# ## How large is it?
# Above the volumes of the samples of this object, with their central 80 % (grey) and the true volume. Below all
# test objects: the interval should hold the true volume (the level line) in 80 of 100, neither more nor fewer.

# %%
volumes = answer.samples.reshape(len(answer.samples), -1).sum(1)
low, high = central_interval(volumes, 0.8)
figure, (ax, every) = plt.subplots(1, 2, figsize=(12, 3.6), layout="constrained")
ax.axvspan(low, high, color="0.9")
ax.hist(volumes, bins=15, color="darkorange")
ax.axvline(amodal_object.amodal.sum(), color="black", label="truth")
ax.axvline(answer.amodal.sum(), color="black", linestyle=":", label="answer")
ax.set_xlabel("voxels")
ax.set_ylabel("samples")
ax.legend(frameon=False)
sizes = np.array([other.amodal.sum() for other in objects])
limits = np.array([central_interval(a.samples.reshape(50, -1).sum(1), 0.8) for a in answers]) / sizes[:, None]
place = np.arange(len(objects))
order = limits.mean(1).argsort()
held = (limits[:, 0] <= 1) & (limits[:, 1] >= 1)
every.vlines(place, *limits[order].T, colors=np.where(held[order], "mediumseagreen", "crimson"), linewidth=3)
every.axhline(1, color="black", linewidth=1)
every.set_xlabel("test object")
every.set_ylabel("80 % interval / true volume")
plt.show()
print(f"intervals that hold the truth: {held.mean():.0%} of {len(held)}")

# %% [markdown]
# ## Something never seen
# A star, with a bar over one of its arms, on a map of its own. The decoder, which knows rods and beans, cannot
# redraw what is visible of it; its novelty is above the limit of 1, and the star is left as it is.

# %%
if cohort.spatial_dims == 2 and COHORT is None:
    rows, columns = np.mgrid[-32:32, -32:32]
    angle, radius = np.arctan2(rows, columns), np.hypot(rows, columns)
    star = np.where(radius < 12 + 9 * np.cos(7 * angle), 2, 0)
    star[(np.abs(columns - 13) < 3) & (star == 0) & (np.abs(rows) < 28)] = 1
    star[(np.abs(columns - 13) < 3) & (star == 2)] = 255
    done = complete_map(star.astype(np.uint8), None, completer, samples=10)
    figure, axes = plt.subplots(1, 2, figsize=(6, 3), layout="compressed")
    for ax, labels in zip(axes, (star, done.labels), strict=True):
        ax.imshow(np.searchsorted([0, 1, 2, 255], labels), cmap=colours, vmin=0, vmax=3)
        ax.axis("off")
    axes[0].set_title("label map (orange: overlap)")
    axes[1].set_title("completed")
    plt.show()
    for row in done.rows:
        print(f"{row.object}: {row.status}; {row.reason or f'novelty {row.novelty:.2f}'}")
