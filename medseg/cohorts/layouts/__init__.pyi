from .case_table import described as described
from .files import files_by_case as files_by_case, natural as natural
from .survey import MOST_VALUES as MOST_VALUES
from .table import LAYOUTS as LAYOUTS, Layout as Layout, index as index
