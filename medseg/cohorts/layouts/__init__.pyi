from .case_table import described as described
from .choices import Choices as Choices
from .converting import CONVERTED as CONVERTED
from .files import files_by_case as files_by_case, natural as natural, stem as stem
from .table import LAYOUTS as LAYOUTS, Layout as Layout, index as index
from .values import MOST_VALUES as MOST_VALUES, markers as markers
