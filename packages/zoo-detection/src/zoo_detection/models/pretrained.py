"""Own the published weights of detectors: which there are, choosing them, fetching them, and loading or refusing them.

ST's checkpoints lie beside its model zoo, one for each data set and image size. ST publishes no hashes, so the hash of
the first download is recorded and asked for from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from zoo_core.errors import MissingError, UserError
from zoo_core.networks.published import ALTERNATIVES, IMAGENET, PublishedWeights, fetch_weights
from zoo_core.networks.st_resnet import own_names
from zoo_core.protocols import ModelContext
from zoo_core.runs.log import logger
from zoo_detection.models.imagenet import library_weights
from zoo_detection.models.matching import State, in_order, put

ST_FOLDER = (
    "https://raw.githubusercontent.com/STMicroelectronics/stm32ai-modelzoo/main/object_detection/torch_checkpoints"
)
LICENCE = "SLA0044"
RESOLUTION = 224
"""Pixels that ST's backbones were trained with."""
SSD_FILES = (("coco", 300), ("coco_person", 300), ("voc", 300))
ST_FILES: dict[str, tuple[tuple[str, int], ...]] = {
    "ssd_mobilenetv1_pt": SSD_FILES,
    "ssdlite_mobilenetv1_pt": SSD_FILES,
    "ssd_mobilenetv2_pt": SSD_FILES,
    "ssdlite_mobilenetv2_pt": SSD_FILES,
    "ssdlite_mobilenetv3small_pt": SSD_FILES,
    "ssdlite_mobilenetv3large_pt": SSD_FILES,
    "st_yolodv2milli_actrelu_pt": (
        ("coco", 640), ("coco", 320), ("coco", 192),
        ("coco_person", 192), ("coco_person", 256), ("coco_person", 320),
    ),
    "st_yolodv2tiny_actrelu_pt": (
        ("coco", 640), ("coco", 288), ("coco", 192),
        ("coco_person", 192), ("coco_person", 256), ("coco_person", 288),
    ),
}  # fmt: skip
"""Model -> data set and height = width in pixels of its checkpoints in `ST_FOLDER`."""
ST_BACKBONES = {
    "st_yolodv2milli_actrelu_pt": "st_resnetmilli_actrelu_pt_224.pth.tar",
    "st_yolodv2tiny_actrelu_pt": "st_resnettiny_actrelu_pt_224.pth.tar",
    "st_yolodv2nano_actrelu_pt": "st_resnetnano_actrelu_pt_224.pth.tar",
}
"""Model -> file in `ST_FOLDER` with its backbone's weights from ImageNet."""
CLASSIFIER = "fc."
COCO_PERSON = ("cocoperson", "person", "coco2017person")


def published_weights(name: str) -> tuple[PublishedWeights, ...]:
    """Return every published checkpoint of a detector."""
    return tuple(
        PublishedWeights(dataset, size, f"{ST_FOLDER}/{name}_{dataset}_{size}.pth", LICENCE)
        for dataset, size in ST_FILES.get(name, ())
    )


def load_published(
    model: nn.Module,
    name: str,
    section: Any,
    context: ModelContext,
    *,
    rename: Callable[[State], State] = dict,
) -> None:
    """Load published weights into a detector when `model.pretrained` asks for them; they are never left random.

    `model.pretrained_dataset` says which: `coco`, `coco_person`, `voc` for the whole detector, `imagenet` for its
    backbone. When it says nothing, those of the backbone are loaded, or of a detector without any, those of COCO.

    Args:
        model: Detector with new weights; changed in place. Its backbone is the sub-module `backbone`.
        name: Its name.
        section: The `model` section.
        context: Input size, cache folder and progress display.
        rename: Turns the names in ST's file into those of the model, where they differ.

    Raises:
        MissingError: When there are none as asked, they cannot be fetched, or they do not fit.
    """
    replaced = (section.model_path, section.model_url, section.pretrained_model_path)
    if not section.pretrained or any(path is not None for path in replaced):
        return
    dataset = _dataset(section.pretrained_dataset)
    known = published_weights(name)
    if dataset == IMAGENET or (dataset is None and _has_backbone(model, name)):
        _load_backbone(model, name, context)
        return
    chosen = _choose(known, dataset or "coco", section, name, context.input.height, imagenet=_has_backbone(model, name))
    state = rename(fetch_weights(chosen, context))
    report = _put(model, state, name, chosen.url)
    logger.info(
        "Weights of %s, trained on %s at %d pixels (licence: %s): %s",
        name,
        chosen.dataset,
        chosen.resolution,
        chosen.licence,
        report,
    )


def _put(model: nn.Module, state: State, name: str, url: str) -> str:
    try:
        return str(put(model, state, name))
    except UserError as error:
        raise MissingError(f"{url}: {error.message}", hint=f"{error.hint or ''}\n{ALTERNATIVES}".strip()) from error


def _load_backbone(model: nn.Module, name: str, context: ModelContext) -> None:
    backbone = model.get_submodule("backbone")
    file = ST_BACKBONES.get(name)
    if file is None:
        state, told = library_weights(backbone, name, context)
    else:
        url = f"{ST_FOLDER}/{file}"
        found = own_names(fetch_weights(PublishedWeights(IMAGENET, RESOLUTION, url, LICENCE), context))
        state, told = {key: value for key, value in found.items() if not key.startswith(CLASSIFIER)}, url
    own = backbone.state_dict()
    try:
        state = state if set(state) & set(own) else in_order(own, state, f"the backbone of {name}")
        report = put(backbone, state, f"the backbone of {name}")
    except UserError as error:
        raise MissingError(f"{told}: {error.message}", hint=ALTERNATIVES) from error
    logger.info("Weights of the backbone of %s, trained on ImageNet (%s): %s", name, told, report)


def _has_backbone(model: nn.Module, name: str) -> bool:
    return name in ST_BACKBONES or getattr(model.get_submodule("backbone"), "pretrained", None) is not None


def _dataset(asked: str | None) -> str | None:
    """Return the data set that `model.pretrained_dataset` asks for in ST's spelling."""
    if asked is None:
        return None
    plain = asked.casefold().replace("-", "").replace("_", "").replace(" ", "")
    if plain in ("imagenet", "imagenet1k", "in1k"):
        return IMAGENET
    if plain in COCO_PERSON:
        return "coco_person"
    return {"coco2017": "coco", "pascalvoc": "voc"}.get(plain, plain)


def _choose(
    known: tuple[PublishedWeights, ...], dataset: str, section: Any, name: str, height: int, *, imagenet: bool
) -> PublishedWeights:
    """Return the weights of the data set and the resolution asked for, else those nearest to the images."""
    found = [weights for weights in known if weights.dataset == dataset]
    asked = section.pretrained_input_shape
    if asked is not None:
        found = [weights for weights in found if (weights.resolution, weights.resolution) == tuple(asked[1:])]
    if found:
        return min(found, key=lambda weights: abs(weights.resolution - height))
    there = [f"{one.dataset} at {one.resolution}x{one.resolution}" for one in known]
    there += ["imagenet for the backbone"] if imagenet else []
    wanted = dataset if asked is None else f"{dataset} at {asked[1]}x{asked[2]} pixels"
    msg = f"model.pretrained: weights of {name} trained on {wanted} are not available"
    raise MissingError(f"{msg}, only {', '.join(there)}." if there else f"{msg}; none are.", hint=ALTERNATIVES)
