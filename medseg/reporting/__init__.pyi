from .album import (
    MOST_CASES as MOST_CASES,
    PICTURE_SIDE as PICTURE_SIDE,
    SLICE_SIDE as SLICE_SIDE,
    CasePictures as CasePictures,
    encoded as encoded,
    enlarged as enlarged,
    read_album as read_album,
    slices_with as slices_with,
    worst_first as worst_first,
    write_album as write_album,
)
from .glossary import explained_of as explained_of
from .intervals import seed_means as seed_means
from .names import shown_name as shown_name
from .page import write_page as write_page
from .plots import draw_curves as draw_curves
from .runs import load_runs as load_runs, seen_in_training as seen_in_training
from .statistics import (
    compare as compare,
    format_overview as format_overview,
    format_table as format_table,
)
from .summary import (
    format_summary as format_summary,
    overall_means as overall_means,
    score_frame as score_frame,
)
from .tables import (
    Table as Table,
    interval_text as interval_text,
    markdown as markdown,
    number_text as number_text,
)
from .variants import further_differences as further_differences
