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
# # From your folder to a model
#
# Name a folder of images and masks as it lies on your disk: nothing in it is moved or renamed, and no config is
# written. Without one the notebook lays out its own: images beside a folder of masks per annotator, of whom one is
# good, one draws too large and one too small. Training is short here: the steps that are planned are those of `[]`.

# %%
FOLDER = None  # or the path of a folder of images and masks
OPTIONS = {"classes": "background=0,organ=1/2/3"}  # what names of files cannot say, as of `medseg index`; or {}
STEPS = ["training.steps.warmup=40", "training.steps.joint=120"]  # or [], as planned

# %%
import shutil
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import medseg
from medseg.reporting import read_album

work = Path(tempfile.mkdtemp())
folder = Path(FOLDER or work / "cells")
if FOLDER is None:
    styles = ("good", "over:1.5", "under:1.5")
    drawn = medseg.write_samples(work / "drawn", seed=0, spatial_dims=2, size=48, cases=24, annotators=styles)
    shutil.copytree(drawn / "images", folder / "images")
    for masks in (drawn / "annotations").iterdir():
        shutil.copytree(masks, folder / "masks" / masks.name)

for place in sorted({path.parent for path in folder.rglob("*") if path.is_file()}):
    names = sorted(path.name for path in place.iterdir() if path.is_file())
    print(f"{place.relative_to(folder)}/{names[0]} and {len(names) - 1} more")

# %% [markdown]
# ## What is in it
# `medseg index` finds out by the names of the files who labelled what, and leaves two files beside your data or, as
# here, elsewhere. What names cannot say is an option: here three values of the masks are one class. `medseg check`
# reads every file; each error is a sentence with the case that it is about.

# %%
cohort = medseg.index(folder, out=work / "cohort", **OPTIONS)
report = medseg.check(work / "cohort")
print(f"{cohort.name}: {len(cohort.cases)} cases; annotators {', '.join(cohort.annotators)}")
print(f"classes {', '.join(label.name for label in cohort.classes)}; {len(report.errors)} errors")
print(report)

# %% [markdown]
# ## Plan and train
# A folder is trained without a config: one is planned from sizes and spacings, each value with its reason
# (`medseg plan DIR` writes it down). Any value can be changed by its key, as the steps are here.

# %%
run = medseg.train(work / "cohort", STEPS, out=work / "run")
found = medseg.evaluate(run)

# %% [markdown]
# ## What was learned
# Scores of cases that the model has not seen. An alarm names what is in doubt, and what helps. The whole report is
# one file, `report/index.html` of the run folder.

# %%
print((run / "report/alarms.txt").read_text() or "no alarm")
scores = pd.DataFrame([vars(score) for score in found.scores])
shown = scores[scores["metric"].isin(["vote_dice", "annotator_dice", "relative_area", "predicted_relative_area"])]
shown.groupby(["metric", "annotator"], sort=False)["value"].mean().unstack("metric").round(3)

# %% [markdown]
# ## Where people disagree, and where the model is unsure
# The image, what everybody drew, their vote, the recovered truth, and its entropy, the worst case first; a volume has a
# slider over its slices. Entropy belongs where the lines part; over a whole structure it means that the model cannot
# tell what it is yet.

# %%
read_album(run / "report")

# %% [markdown]
# ## Who draws large, who draws small
# The foreground of each annotator relative to the mean of the case's annotators, as drawn and as the model expects
# it. Bars of one length are a style that is learned; expectations that are all 1 ask for more steps.

# %%
columns = {"relative_area": "drawn", "predicted_relative_area": "expected"}
areas = scores[scores["metric"].isin(columns)].groupby(["annotator", "metric"])["value"].median().unstack()
areas = areas.rename(columns=columns)[list(columns.values())]
ax = areas.plot.barh(figsize=(7, 1 + 0.6 * len(areas)), color=["0.65", "darkorange"])
ax.axvline(1, color="black", lw=0.8)
ax.set_xlabel("relative area, median over test cases")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
plt.show()
