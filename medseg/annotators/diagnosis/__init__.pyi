from .memorisation import Retraining as Retraining, retrainings as retrainings
from .report import (
    FILES as FILES,
    MEMORISATION as MEMORISATION,
    diagnose_run as diagnose_run,
    place_of as place_of,
    refuse_parts as refuse_parts,
    score_answers as score_answers,
)
