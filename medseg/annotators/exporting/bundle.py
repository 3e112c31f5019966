"""`medseg export`: a run folder -> a MONAI bundle, with the network as programs of torch.export and ONNX in it."""

from __future__ import annotations

import json
import re
from inspect import getfile
from pathlib import Path

import torch
from torch import nn

from medseg.annotators.assembly import Signature, build_annotator_model, read_annotator_run
from medseg.annotators.exporting.configs import inference, metadata
from medseg.annotators.loading import placement
from medseg.annotators.mathematics import blocks, classifiers, norms, unets
from medseg.annotators.mathematics.model import AnnotatorModel
from medseg.annotators.mathematics.norms import settle
from medseg.contracts import Refused, complaint
from medseg.images import place_complaints, whole_or_none
from medseg.training import load_model, write_programs

RESULTS = ("configs", "models", "scripts")
"""The folders of a bundle."""


def export_bundle(run: Path, out: Path) -> list[str]:
    """configs/, models/ and scripts/ in ``out``; the names of what lies in models/.

    The network of the truth p(t|x): image (B,C,S...) on the network's grid -> probs (B,T,S...). It is of MONAI's and
    torch's own parts, and scripts/ has the others and what `medseg predict` does to an image: medseg is not needed.
    Raises Refused, before anything is written, for a run without one such network, and where a file would be
    overwritten.
    """
    config, signature = read_annotator_run(run), Signature.read(run)
    model = build_annotator_model(config, signature)
    load_model(model, run / "weights.pt")
    complaints = place_complaints(out, run)
    if not isinstance(model, AnnotatorModel):
        complaints.append(complaint("recipe", "one whose truth is one network", config.recipe, str(run)))
    taken = [name for name in RESULTS if (out / name).exists()]
    if taken and not complaints:
        complaints.append(complaint("output folder", "no bundle yet", f"a folder {taken[0]}/", str(out)))
    if complaints or not isinstance(model, AnnotatorModel):
        raise Refused(complaints)
    network = truth_network(model)
    image = torch.zeros(2, signature.channels, *config.data.grid.size)
    with whole_or_none(out, RESULTS):
        names = write_programs(network, {"image": image}, "probs", out / "models")
        torch.save({"model": network.state_dict()}, out / "models" / "model.pt")
        (out / "configs").mkdir()
        for name, content in (("metadata", metadata(config, signature)), ("inference", inference(config, signature))):
            (out / "configs" / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        _write_scripts(out / "scripts")
    return ["model.pt", *names]


def truth_network(model: AnnotatorModel) -> nn.Sequential:
    """image (B,C,S...) -> probs (B,T,S...), the modules in the order of ``configs.network_def``, weights settled."""
    network = model.network
    settle(network)
    last = [] if network.last_norm is None else [network.last_norm]
    parts = (network.backbone, network.activation, network.to_classes, *last, nn.Softmax(dim=1))
    return nn.Sequential(*parts).cpu().eval()


def _write_scripts(folder: Path) -> None:
    """Copies of the files with the way to the network's grid and back and its own parts; they import each other."""
    folder.mkdir()
    (folder / "__init__.py").touch()
    modules = (placement, norms, blocks, unets, classifiers)
    for path in (*(Path(getfile(module)) for module in modules), Path(__file__).with_name("transforms.py")):
        text = re.sub(r"medseg\.annotators\.(loading|mathematics)\.", "scripts.", path.read_text("utf-8"))
        (folder / path.name).write_text(text, "utf-8")
