from .cohorts import (
    check_folder as check_folder,
    index_folder as index_folder,
    simulate_folder as simulate_folder,
)
from .compare import compare_runs as compare_runs
from .complete import complete as complete
from .demo import demo as demo
from .evaluate import evaluate_run as evaluate_run
from .methods import load_config as load_config
from .predict import predict_folder as predict_folder
from .train import (
    default_run_folder as default_run_folder,
    train as train,
)
