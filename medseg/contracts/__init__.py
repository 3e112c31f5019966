"""The axis legend, and the nouns that rooms hand to one another, in the order of the walk.

Axis letters, used in every shape and (in lower case) in every einsum:

====  =========================================================================
B     batch
C     image channel
A     annotator
O     observed class (what an annotator wrote)
T     true class (what is there)
F     feature of the network's last layer
S...  space, 2 or 3 axes, in the order of the file (never transposed)
====  =========================================================================

A number's name says the space it lives in: ``logits``, ``log_probs``, ``probs``, ``labels``;
lengths end in ``_mm``, volumes in ``_ml``, indices in ``_index``.
Labels are class indices 0..T-1 in the order of ``Cohort.classes``; ``UNLABELLED`` marks a voxel
(of padding, or of an annotator who did not see the case) about which nobody said anything.

``refusal``   how bad input is answered
``yaml_text``   YAML that somebody else wrote, read so that it neither takes long nor passes for another
``text_files``  files of text that somebody else wrote
``configs``   what every section of a config has in common
``data``      volumes, cases, cohorts
``scores``    one number, and what its metric means
``training``  batches, objectives, stages
``progress``    how far a long command has come, on standard error
``plans``     a config that was planned, each key with its reason
``methods``   what the verbs ask of a method

Each may import those above it.
"""

from medseg.contracts.configs import IDLE, Fraction, Positive, Section, Seed, Width
from medseg.contracts.data import (
    UNLABELLED,
    BorderRule,
    Case,
    ClassLabel,
    Cohort,
    CompleteRule,
    ObjectCohort,
    ObjectMask,
    ObjectRules,
    ObjectScheme,
    PiecesRule,
    Said,
    Split,
    Volume,
)
from medseg.contracts.methods import NO_MORE, RUN_VERSION, AskedMaps, Evaluation, Method, Parts, Report, Signature
from medseg.contracts.plans import Plan, PlannedKey
from medseg.contracts.progress import Bar, Display, duration, progress_shown, watched
from medseg.contracts.refusal import Refused, complaint, gathered
from medseg.contracts.scores import LENGTH, Metric, Score
from medseg.contracts.text_files import MOST_YAML_BYTES, read_text, read_yaml, yaml_values
from medseg.contracts.training import Batch, Draw, Losses, MaskPicture, Objective, Stage, Target
from medseg.contracts.yaml_text import NotYaml, dump_yaml, parse_yaml, shortened

__all__ = [
    "IDLE",
    "LENGTH",
    "MOST_YAML_BYTES",
    "NO_MORE",
    "RUN_VERSION",
    "UNLABELLED",
    "AskedMaps",
    "Bar",
    "Batch",
    "BorderRule",
    "Case",
    "ClassLabel",
    "Cohort",
    "CompleteRule",
    "Display",
    "Draw",
    "Evaluation",
    "Fraction",
    "Losses",
    "MaskPicture",
    "Method",
    "Metric",
    "NotYaml",
    "ObjectCohort",
    "ObjectMask",
    "ObjectRules",
    "ObjectScheme",
    "Objective",
    "Parts",
    "PiecesRule",
    "Plan",
    "PlannedKey",
    "Positive",
    "Refused",
    "Report",
    "Said",
    "Score",
    "Section",
    "Seed",
    "Signature",
    "Split",
    "Stage",
    "Target",
    "Volume",
    "Width",
    "complaint",
    "dump_yaml",
    "duration",
    "gathered",
    "parse_yaml",
    "progress_shown",
    "read_text",
    "read_yaml",
    "shortened",
    "watched",
    "yaml_values",
]
