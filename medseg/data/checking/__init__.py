"""`medseg check`: what is wrong, odd or worth knowing in the files of a whole cohort.

``images``      a cohort of annotated images
``inspection``  one case of it: the image and every mask, compared with one another
``objects``     a cohort of objects: how many are complete, occluded and dropped
``duplicates``  the same content under several cases, in either
``findings``    what was found, and its words
"""

from medseg.contracts import Cohort
from medseg.data.checking.findings import Findings
from medseg.data.checking.images import check_images
from medseg.data.checking.objects import check_objects


def check_cohort(cohort: Cohort) -> Findings:
    """Read every file of a cohort that ``load_cohort`` accepted."""
    return check_images(cohort) if cohort.rules is None else check_objects(cohort)
