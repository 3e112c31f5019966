"""What stands in a bundle's configs/: what the network takes and gives, and how MONAI runs it on a folder."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from medseg.annotators.assembly import Signature
from medseg.annotators.config import RunConfig
from medseg.annotators.mathematics.networks import OWN_CLASSES, described

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
PACKAGES = ("monai", "torch", "numpy")
RUNNER = {"pytorch-ignite": "0.5.5", "fire": "0.7.1"}
"""What `python -m monai.bundle` asks for beside MONAI."""


def metadata(config: RunConfig, signature: Signature) -> dict[str, Any]:
    """configs/metadata.json, in MONAI's words."""
    grid = config.data.grid
    numbers = {"spatial_shape": list(grid.size), "dtype": "float32", "is_patch_data": grid.mode == "patch"}
    image = {
        **{"type": "image", "format": "magnitude", "modality": "n/a", "num_channels": signature.channels},
        **{"value_range": [], "channel_def": {str(number): "image" for number in range(signature.channels)}},
    }
    pred = {
        **{"type": "probabilities", "format": "segmentation", "num_channels": len(signature.classes)},
        **{"value_range": [0, 1], "channel_def": dict(enumerate_as_text(signature.class_names))},
    }
    monai, torch, numpy = map(version, PACKAGES)
    return {
        "schema": SCHEMA,
        "version": "1.0.0",
        "changelog": {"1.0.0": f"exported by medseg {version('medseg')}"},
        "monai_version": monai,
        "pytorch_version": torch.partition("+")[0],
        "numpy_version": numpy,
        "required_packages_version": {"nibabel": version("nibabel"), **RUNNER},
        "name": config.experiment,
        "task": f"{signature.spatial_dims}D segmentation of {', '.join(signature.class_names[1:])}",
        "description": f"The truth behind {len(signature.annotators)} annotators' labels, recipe {config.recipe}.",
        "authors": "whoever trained it with medseg",
        "copyright": "whoever trained it with medseg",
        "network_data_format": {"inputs": {"image": {**image, **numbers}}, "outputs": {"pred": {**pred, **numbers}}},
    }


def enumerate_as_text(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Keys of JSON are text."""
    return [(str(number), name) for number, name in enumerate(names)]


def inference(config: RunConfig, signature: Signature) -> dict[str, Any]:
    """configs/inference.json: a folder of images -> a label map for each."""
    grid = config.data.grid
    spacing = {"to_mm": grid.spacing_mm, "to_pixels": grid.spacing_pixels}
    way = {"size": grid.size, "whole": grid.mode == "resize", **spacing}
    window = config.data.intensity.fixed
    seen = {"window": window and asdict(window), "nonzero": config.data.intensity.normalisation == "nonzero"}
    pictures = {"_target_": "PILReader", "reverse_indexing": False}
    return {
        "imports": [
            "$import numpy",
            "$import torch",
            "$import scripts.norms",  # which MONAI's networks then know by name
            "$from scripts.classifiers import HadamardClassifier",
            "$from scripts.transforms import find_cases",
        ],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "backbone": backbone(config, signature),
        "network_def": network_def(config, signature),
        "network": "$@network_def.to(@device)",
        "preprocessing": composed(
            {
                "_target_": "LoadImaged",
                "keys": "image",
                "reader": [pictures, {"_target_": "NibabelReader"}],
                "ensure_channel_first": True,
            },
            {"_target_": "scripts.transforms.ToGrid", **seen, **way},
        ),
        "dataset_data": "$find_cases(@dataset_dir)",
        "dataset": {"_target_": "Dataset", "data": "@dataset_data", "transform": "@preprocessing"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "num_workers": 0},
        "inferer": inferer(config),
        "saved": saved(signature),
        "postprocessing": composed(
            {"_target_": "scripts.transforms.ToImage", "values": [label.value for label in signature.classes], **way},
            "@saved"
            if signature.spatial_dims == 3
            else "$@saved.set_options(write_kwargs={'reverse_indexing': False})",
        ),
        "handlers": [
            {
                "_target_": "CheckpointLoader",
                "load_path": "$@bundle_root + '/models/model.pt'",
                "load_dict": {"model": "@network"},
            }
        ],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
        },
        "run": ["$@evaluator.run()"],
    }


def inferer(config: RunConfig) -> dict[str, Any]:
    """How windows are laid and blended, and whether mirror images of them are seen too (``inference.mirror``)."""
    grid = config.data.grid
    windows = {"roi_size": list(grid.size), "overlap": grid.overlap, "mode": "gaussian"}
    if not config.inference.mirror:
        return {"_target_": "SlidingWindowInferer", **windows}
    axes = list(config.data.augment.flip_axes)
    return {"_target_": "scripts.transforms.MirroredInferer", "mirror_axes": axes, **windows}


def saved(signature: Signature) -> dict[str, Any]:
    """Label maps as files: PNG, of volumes NIfTI."""
    largest = max(label.value for label in signature.classes)
    return {
        "_target_": "SaveImaged",
        "keys": "truth",
        "output_dir": "@output_dir",
        "output_postfix": "truth",
        "output_ext": ".png" if signature.spatial_dims == 2 else ".nii.gz",
        "output_dtype": "$numpy.uint8" if largest < 256 else "$numpy.uint16",
        "resample": True,  # to the grid that they have; without, MONAI 1.6 takes their affine for that of a picture
        "separate_folder": False,
    }


def composed(*transforms: dict[str, Any] | str) -> dict[str, Any]:
    """One after the other."""
    return {"_target_": "Compose", "transforms": list(transforms)}


def backbone(config: RunConfig, signature: Signature) -> dict[str, Any]:
    """The network of ``mathematics.model.TrueLabelNetwork`` up to its features."""
    name, arguments = described(config.network, signature.channels, config.data.grid.size)
    room = "scripts.unets" if name in OWN_CLASSES else "monai.networks.nets"
    return {"_target_": f"{room}.{name}", **arguments}


def network_def(config: RunConfig, signature: Signature) -> str:
    """What follows it, and a softmax."""
    dims, features, classes = signature.spatial_dims, config.network.features, len(signature.classes)
    parts = ["@backbone", "torch.nn.PReLU()", f"torch.nn.Conv{dims}d({features}, {classes}, kernel_size=1)"]
    if config.network.classifier == "hadamard":
        parts[-1] = f"HadamardClassifier({features}, {classes})"
    if config.network.norm == "mimic":
        parts.append(f"torch.nn.BatchNorm{dims}d({classes})")
    return f"$torch.nn.Sequential({', '.join([*parts, 'torch.nn.Softmax(dim=1)'])})"
