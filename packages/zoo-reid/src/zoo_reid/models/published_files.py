"""Own the addresses of published weights of embedders; data only.

OSNet's are those of its authors (github.com/KaiyangZhou/deep-person-reid, MIT), at a fixed state of their repository;
MobileNetV1's are pytorchcv's (github.com/osmr/imgclsmob, MIT), zip archives around one checkpoint.
"""

from __future__ import annotations

from zoo_core.networks.published import HUB, PublishedWeights
from zoo_reid.models.table import IMAGENET, MOBILENET_V1, MOBILENET_V2, MSMT17, OSNET

OSNET_FOLDER = f"{HUB}/kaiyangzhou/osnet/resolve/a5c5cc037c24235cda3b21085b93ad77c9616224"
OSNET_MSMT17 = "msmt17_combineall_256x128_amsgrad_ep150_stp60_lr0.0015_b64_fb10_softmax_labelsmooth_flip_jitter"
PYTORCHCV_FOLDER = "https://github.com/osmr/imgclsmob/releases/download"
ST_FOLDER = (
    "https://raw.githubusercontent.com/STMicroelectronics/stm32ai-modelzoo/main/image_classification/torch_checkpoints"
)
PHOTO, PERSON = 224, 256
"""Heights of the images in pixels."""
OSNET_HASHES = {
    0.25: (
        "x0_25",
        "f54941a66bad4ddd07f2907f498c810ce639ce7a1abeaf2a151f8da118d84693",
        "cf55163d78fc44c62c82f85ab62d39f10438679b5abe8c698ae08cfa84aa6e18",
    ),
    0.5: ("x0_5", "f10ea9e26ee55b1a65cee3c6e88aa1ae105fe981af3e37692fa68a72fc64bf8e", ""),
    0.75: ("x0_75", "37add23d2ebc7a22584203d6c22976fdda0f7f29c7b7d79257ac22ae20aec809", ""),
    1.0: ("x1_0", "fe2d63f9157c28a4a8d8ca29bec12d5b2988ac0346d712025789ea9174968e79", ""),
}
"""Width -> name in the files, SHA-256 of the weights from ImageNet and from MSMT17 where it is known."""
MOBILENET_FILES = {
    0.25: ("mobilenet_wd4-2249", "1ad5e8fe8674cdf7ffda8450095eb96d227397e0", "v0.0.62"),
    0.5: ("mobilenet_wd2-1355", "41a21242c95050407df876cfa44bb5d3676aa751", "v0.0.156"),
    0.75: ("mobilenet_w3d4-1076", "d801bcaea83885b16a0306b8b77fe314bbc585c3", "v0.0.130"),
    1.0: ("mobilenet_w1-0895", "7e1d739f0fd4b95c16eef077c5dc0a5bb1da8ad5", "v0.0.155"),
}
"""Width -> beginning of the file's name, SHA-1 of the checkpoint in it, release."""
TIMM_NAMES = {
    (MOBILENET_V2, 0.5): "mobilenetv2_050",
    (MOBILENET_V2, 1.0): "mobilenetv2_100",
    (MOBILENET_V2, 1.4): "mobilenetv2_140",
}
"""Family and width -> network of timm with the same layers."""


def _osnet(width: float) -> tuple[PublishedWeights, ...]:
    scale, imagenet, msmt17 = OSNET_HASHES[width]
    base = f"{OSNET_FOLDER}/osnet_{scale}"
    return (
        PublishedWeights(IMAGENET, PHOTO, f"{base}_imagenet.pth", "MIT", sha256=imagenet),
        PublishedWeights(MSMT17, PERSON, f"{base}_{OSNET_MSMT17}.pth", "MIT", sha256=msmt17),
    )


def _mobilenet(width: float) -> tuple[PublishedWeights, ...]:
    name, sha1, release = MOBILENET_FILES[width]
    url = f"{PYTORCHCV_FOLDER}/{release}/{name}-{sha1[:8]}.pth.zip"
    return (PublishedWeights(IMAGENET, PHOTO, url, "MIT", sha1=sha1),)


FILES: dict[tuple[str, float], tuple[PublishedWeights, ...]] = {
    **{(OSNET, width): _osnet(width) for width in OSNET_HASHES},
    **{(MOBILENET_V1, width): _mobilenet(width) for width in MOBILENET_FILES},
    (MOBILENET_V2, 0.35): (
        PublishedWeights(IMAGENET, PHOTO, f"{ST_FOLDER}/mobilenetv2_w035_pt_224.pt", "as the STM32 model zoo states"),
    ),
}
"""Family and width -> published files."""
