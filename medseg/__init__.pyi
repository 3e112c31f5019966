"""The names of the front door; the package reads this file too, and imports each when it is first used."""

from .amodal.completion.label_maps import complete_map as complete_map
from .amodal.shapes import write_shapes as write_shapes
from .annotators.consensus import majority_vote as majority_vote, soft_mean as soft_mean, staple as staple
from .annotators.fitting import fit_fusion as fit_fusion
from .annotators.mathematics.confusion import GlobalConfusion as GlobalConfusion, PixelConfusion as PixelConfusion
from .annotators.mathematics.loss import AnnotatorLikelihoodLoss as AnnotatorLikelihoodLoss
from .annotators.simulation.samples import write_samples as write_samples
from .cohorts.cohort import load_cohort as load_cohort
from .contracts import Refused as Refused
from .evaluation.agreement import (
    ged2_u as ged2_u,
    ged2_v as ged2_v,
    hungarian_iou as hungarian_iou,
    krippendorff_alpha as krippendorff_alpha,
)
from .evaluation.calibration import ece as ece
from .evaluation.metrics import METRICS as METRICS
from .evaluation.overlap import dice as dice, iou as iou
from .evaluation.surface import assd as assd, hd95 as hd95
from .experiment.front_door import (
    check as check,
    compare as compare,
    evaluate as evaluate,
    fuse as fuse,
    index as index,
    predict as predict,
    simulate_annotator as simulate_annotator,
    train as train,
)

__version__: str
