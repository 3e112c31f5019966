from .fusing.cohort import fuse_cohort as fuse_cohort
from .fusing.results import FusedCohort as FusedCohort
from .people.report import report_people as report_people
from .simulation.among import simulate_among as simulate_among
from .simulation.cohort import simulate_cohort as simulate_cohort
from .simulation.samples import (
    BIASED_ANNOTATORS as BIASED_ANNOTATORS,
    write_samples as write_samples,
)
from .simulation.simulators import simulate as simulate
