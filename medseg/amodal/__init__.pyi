from .completion.completer import Completer as Completer
from .completion.label_maps import (
    complete as complete,
    complete_map as complete_map,
)
from .shapes import write_shapes as write_shapes
