from .agreement import (
    dice_match as dice_match,
    dice_max as dice_max,
    fleiss_kappa as fleiss_kappa,
    ged2_u as ged2_u,
    ged2_v as ged2_v,
    hungarian_iou as hungarian_iou,
    krippendorff_alpha as krippendorff_alpha,
    mean_pairwise_dice as mean_pairwise_dice,
    pairwise_dice as pairwise_dice,
    present as present,
)
from .calibration import (
    ece as ece,
    negative_log_likelihood as negative_log_likelihood,
    shares_by_prob as shares_by_prob,
    voxel_entropy as voxel_entropy,
)
from .coverage import (
    central_interval as central_interval,
    covers as covers,
)
from .metrics import (
    METRICS as METRICS,
    score_of as score_of,
    table_of as table_of,
)
from .overlap import (
    dice as dice,
    foreground_box as foreground_box,
    iou as iou,
    iou_matrix as iou_matrix,
    mean_of_defined as mean_of_defined,
    soft_dice as soft_dice,
)
from .surface import (
    assd as assd,
    hd95 as hd95,
    length_unit as length_unit,
)
from .table import (
    write_confusion as write_confusion,
    write_rivals as write_rivals,
    write_scores as write_scores,
    write_table as write_table,
)
