from .case_table import described as described
from .choices import Choices as Choices
from .converting import CONVERTED as CONVERTED
from .files import (
    channels_by_case as channels_by_case,
    files_by_case as files_by_case,
    has_channel_numbers as has_channel_numbers,
    natural as natural,
    stem as stem,
)
from .table import LAYOUTS as LAYOUTS, Layout as Layout, index as index
from .values import MOST_VALUES as MOST_VALUES, markers as markers
