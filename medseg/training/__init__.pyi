from .batches import copies_of_source as copies_of_source
from .checkpoint import (
    BEST as BEST,
    load_model as load_model,
    load_weights as load_weights,
)
from .deaths import (
    ProcessDied as ProcessDied,
    deaths_told as deaths_told,
)
from .device import (
    computes_bfloat16 as computes_bfloat16,
    device_of as device_of,
)
from .loop import fit as fit
from .processes import (
    launch as launch,
    on_every_process as on_every_process,
    on_first_process as on_first_process,
)
from .programs import write_programs as write_programs
from .resumption import newest_position as newest_position
from .score_log import (
    log_scores as log_scores,
    log_training as log_training,
)
from .settings import (
    HOW_NOT_WHAT as HOW_NOT_WHAT,
    LoopConfig as LoopConfig,
    TrackingConfig as TrackingConfig,
)
from .sharing import (
    Crew as Crew,
    crew as crew,
    in_turn as in_turn,
)
from .tracking import Tracker as Tracker
