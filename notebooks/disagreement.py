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
# # Where do the annotators disagree?
#
# Look here before any training: at what each annotator drew, where the annotators part, who agrees with whom,
# and who errs in which direction. Without a folder the notebook draws its own images, with five
# simulated annotators; for your own, write `manifest.csv` with `medseg index DIR` and change one line.

# %%
COHORT = None  # or the path of a folder with manifest.csv

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from medseg.cohorts.cohort import load_cohort
from medseg.annotators.consensus import majority_vote, soft_mean, vote_fraction
from medseg.annotators.loading.records import read_record
from medseg.annotators.simulation.samples import biased_annotators, write_samples
from medseg.evaluation.agreement import (
    fleiss_kappa,
    krippendorff_alpha,
    mean_pairwise_dice,
    pairwise_dice,
    pairwise_kappa,
    present,
)
from medseg.annotators.confusion_scores import joint_counts, relative_area
from medseg.evaluation.calibration import voxel_entropy
from medseg.evaluation.overlap import foreground_box
from medseg.annotators.pictures.panels import annotator_colours

if COHORT is None:
    folder = Path(tempfile.mkdtemp()) / "samples"
    write_samples(folder, seed=0, spatial_dims=2, size=96, cases=12, annotators=biased_annotators(2, 96))
else:
    folder = Path(COHORT)

cohort = load_cohort(folder)
annotators = cohort.annotators or cohort.crowd
classes = [label.name for label in cohort.classes]
several = [case for case in cohort.cases if sum(name in case.annotations for name in annotators) > 1]
records = [read_record(case, cohort, annotators) for case in several[:100]]  # all of them stay in memory

print(f"{cohort.name}: {len(several)} cases with two annotators or more, {len(records)} looked at")
for name in annotators:
    print(f"  {name}: {sum(name in r.case.annotations for r in records)} of them")

# %% [markdown]
# ## Every annotator's contours
# From the case with the least agreement to the one with the most (mean Dice over all pairs of annotators); of a
# volume, the slice with the most foreground. Look for an annotator whose line runs always outside or inside the
# others, for one who names a structure otherwise, and for borders that the image itself does not show: there
# nobody is wrong, and no model should be certain.

# %%
agreement = np.array([mean_pairwise_dice(r.labels, len(classes)) for r in records])
ascending = np.argsort(agreement)[: np.isfinite(agreement).sum()]  # without any foreground there is no Dice
chosen = ascending[np.linspace(0, len(ascending) - 1, 4).astype(int)]
images, drawings = [], []
for record in (records[i] for i in chosen):
    slices = (int((record.labels > 0).sum(axis=(0, 1, 2)).argmax()),) if record.labels.ndim == 4 else ()
    labels = record.labels[(..., *slices)]
    box = foreground_box(labels, margin=labels.shape[1] // 10)
    images.append(record.image.mean(axis=0)[(..., *slices)][box])
    drawings.append(labels[(slice(None), *box)])

names = [records[i].case.name for i in chosen]
colours = annotator_colours(annotators)
widths = np.linspace(2.2, 0.8, len(annotators))  # so that lines on top of one another are all seen
shapes = {"width_ratios": [image.shape[1] / image.shape[0] for image in images]}
height = 2 * 12.5 / sum(shapes["width_ratios"])
plt.rcParams |= {"figure.dpi": 100, "font.size": 9, "image.cmap": "gray"}

figure, axes = plt.subplots(2, 4, figsize=(13, height + 0.8), gridspec_kw=shapes, layout="compressed")
for column, case, image, labels in zip(axes.T, chosen, images, drawings, strict=True):
    for ax in column:
        ax.imshow(image, vmin=np.percentile(image, 0.5), vmax=np.percentile(image, 99.5))
        ax.axis("off")
    for drawn, colour, width in zip(labels, colours.values(), widths, strict=True):
        for label in np.unique(drawn[drawn > 0]):
            column[1].contour(drawn == label, levels=[0.5], colors=[colour], linewidths=width)
    column[0].set_title(f"{records[case].case.name}\nDice {agreement[case]:.2f}")
handles = [plt.Line2D([], [], color=colour, lw=2, label=name) for name, colour in colours.items()]
figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
plt.show()

# %% [markdown]
# ## Where the vote is divided
# The share of annotators behind the most frequent class, and the entropy of their vote. A thin line around the
# border is taste; a wide band is a border that cannot be seen; a filled patch means that some annotators saw a
# structure that others did not, or gave it another name.

# %%
figure, axes = plt.subplots(2, 4, figsize=(13, height + 0.3), gridspec_kw=shapes, layout="compressed")
certain, divided = {"vmin": 1 / len(classes), "vmax": 1}, {"vmin": 0, "vmax": np.log(len(classes))}
for column, name, labels in zip(axes.T, names, drawings, strict=True):
    share = column[0].imshow(vote_fraction(labels, len(classes)), cmap="viridis", **certain)
    entropy = column[1].imshow(voxel_entropy(soft_mean(labels, len(classes))), cmap="magma", **divided)
    column[0].set_title(name)
    for ax in column:
        ax.axis("off")
figure.colorbar(share, ax=axes[0], label="share behind the vote")
figure.colorbar(entropy, ax=axes[1], label="entropy (nats)")
plt.show()

# %% [markdown]
# ## Who agrees with whom
# Means over the cases that both annotators saw. A block of high numbers is a school, or one person with two
# tools; a dark row is an annotator who stands alone, which is not yet an annotator who is wrong. Kappa and alpha take
# out what chance would give: 1 is perfect, 0 is chance. Krippendorff calls an alpha below .67 unreliable.

# %%
dice = np.ma.masked_invalid([pairwise_dice(r.labels, len(classes)) for r in records]).mean(axis=0)
kappa = np.ma.masked_invalid([pairwise_kappa(r.labels, len(classes)) for r in records]).mean(axis=0)
alpha = np.nanmean([krippendorff_alpha(r.labels, len(classes)) for r in records])
fleiss = np.nanmean([fleiss_kappa(r.labels, len(classes)) for r in records])

figure, axes = plt.subplots(1, 2, figsize=(13, 5.6), layout="compressed")
for ax, matrix, title in zip(axes, (dice, kappa), ("pairwise Dice", "pairwise Cohen's kappa"), strict=True):
    shown = ax.imshow(matrix, cmap="cividis", vmin=np.floor(10 * min(dice.min(), kappa.min())) / 10, vmax=1)
    for i, j in np.argwhere(~np.ma.getmaskarray(matrix)):
        ink = "white" if matrix[i, j] < (shown.norm.vmin + 1) / 2 else "black"
        ax.text(j, i, f"{matrix[i, j]:.2f}", ha="center", va="center", color=ink, size=8)
    ax.set_xticks(range(len(annotators)), annotators, rotation=40, ha="right")
    ax.set_yticks(range(len(annotators)), annotators)
    ax.set_title(title)
figure.colorbar(shown, ax=axes)
plt.show()
print(f"mean over cases: Krippendorff's alpha {alpha:.3f}, Fleiss' kappa {fleiss:.3f}")

# %% [markdown]
# ## Who draws large, who draws small
# The foreground of each annotator, divided by the mean of all annotators of the same case; a dot is a case.
# A narrow box away from 1 is a style, which a model of the annotator can learn. A box as wide as the figure is
# none: several people may have filled that annotator's slot.

# %%
areas = np.array([relative_area(r.labels) for r in records])
order = np.argsort(np.nanmedian(areas, axis=0))
jitter = np.random.default_rng(0).uniform(-0.16, 0.16, len(records))
figure, ax = plt.subplots(figsize=(10, 1 + 0.42 * len(annotators)), layout="constrained")
ax.axvline(1, color="0.6", lw=1)
defined = [area[np.isfinite(area)] for area in areas.T[order]]
grey = {"boxprops": {"color": "0.5"}, "whiskerprops": {"color": "0.5"}, "medianprops": {"color": "black"}}
ax.boxplot(defined, orientation="horizontal", showfliers=False, widths=0.6, **grey)
for place, annotator in enumerate(order, start=1):
    ax.scatter(areas[:, annotator], place + jitter, s=14, color=colours[annotators[annotator]], alpha=0.8, zorder=3)
ax.set_yticks(range(1, len(annotators) + 1), [f"{annotators[a]}  ({np.nanmedian(areas[:, a]):.2f})" for a in order])
ax.set_xlabel("foreground relative to the mean of the case's annotators (in brackets: median)")
plt.show()

# %% [markdown]
# ## Who errs where
# One case, annotator by annotator, against the majority vote; then the same counted over all cases, in units of the
# vote's area. Red alone is generosity, blue alone is thrift; both on opposite sides is a displaced mask.
# The vote is not the truth, and it contains the annotator's own mask: where most annotators err alike, the one
# who is right shows as the one who errs. Of equally many votes the background wins, so that of two annotators
# neither ever misses anything.

# %%
least = drawings[0]
vote = majority_vote(least, len(classes))
kinds = ["both background", "same class", "added by the annotator", "missed by the annotator", "another class"]
tints = ["#f2f2f2", "#bdbdbd", "#d7301f", "#2171b5", "#fdae61"]
here = np.flatnonzero(present(least))
columns = min(5, len(here))
rows = -(-len(here) // columns)
height = 13 / columns * rows * vote.shape[0] / vote.shape[1]
figure, axes = plt.subplots(rows, columns, figsize=(13, height + 0.9), squeeze=False, layout="compressed")
for ax in axes.flat:
    ax.axis("off")
for ax, annotator in zip(axes.flat, here, strict=False):
    drawn = least[annotator]
    kind = np.select([drawn == vote, vote == 0, drawn == 0], [np.where(vote > 0, 1, 0), 2, 3], default=4)
    ax.imshow(kind, cmap=ListedColormap(tints), vmin=0, vmax=4, interpolation="nearest")
    ax.set_title(annotators[annotator])
patches = [Patch(fc=tint, ec="0.6", label=kind) for tint, kind in zip(tints, kinds, strict=True)]
figure.legend(handles=patches, loc="outside lower center", ncols=5, frameon=False, title=names[0])
plt.show()

# %%
counts = sum(joint_counts(r.labels, majority_vote(r.labels, len(classes)), len(classes)) for r in records)
area = np.maximum(counts[:, :, 1:].sum(axis=(1, 2)), 1)
added, missed = counts[:, 1:, 0].sum(axis=1), counts[:, 0, 1:].sum(axis=1)
renamed = counts[:, 1:, 1:].sum(axis=(1, 2)) - np.einsum("att->a", counts[:, 1:, 1:])
figure, ax = plt.subplots(figsize=(10, 1 + 0.38 * len(annotators)), layout="constrained")
ax.use_sticky_edges = False  # a margin at both ends
ax.barh(annotators, added / area, color=tints[2], label=kinds[2])
ax.barh(annotators, -missed / area, color=tints[3], label=kinds[3])
ax.barh(annotators, -renamed / area, left=-missed / area, color=tints[4], label=kinds[4])
ax.axvline(0, color="black", lw=0.8)
ax.invert_yaxis()
ax.set_xlabel("left: missed or named otherwise; right: added; in units of the vote's area")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
plt.show()
