"""The names of the front door; the package reads this file too, and imports each when it is first used."""

from .amodal.completion.label_maps import complete_map as complete_map
from .amodal.shapes import write_shapes as write_shapes
from .annotators.consensus import majority_vote as majority_vote
from .annotators.consensus import soft_mean as soft_mean
from .annotators.consensus import staple as staple
from .annotators.mathematics.confusion import GlobalConfusion as GlobalConfusion
from .annotators.mathematics.confusion import PixelConfusion as PixelConfusion
from .annotators.mathematics.loss import AnnotatorLikelihoodLoss as AnnotatorLikelihoodLoss
from .annotators.simulation.samples import write_samples as write_samples
from .cohorts.cohort import load_cohort as load_cohort
from .contracts import Refused as Refused
from .evaluation.agreement import ged2_u as ged2_u
from .evaluation.agreement import ged2_v as ged2_v
from .evaluation.agreement import hungarian_iou as hungarian_iou
from .evaluation.agreement import krippendorff_alpha as krippendorff_alpha
from .evaluation.calibration import ece as ece
from .evaluation.metrics import METRICS as METRICS
from .evaluation.overlap import dice as dice
from .evaluation.overlap import iou as iou
from .evaluation.surface import assd as assd
from .evaluation.surface import hd95 as hd95
from .experiment.front_door import check as check
from .experiment.front_door import compare as compare
from .experiment.front_door import evaluate as evaluate
from .experiment.front_door import index as index
from .experiment.front_door import predict as predict
from .experiment.front_door import simulate_annotator as simulate_annotator
from .experiment.front_door import train as train

__version__: str
