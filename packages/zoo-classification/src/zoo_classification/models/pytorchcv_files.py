"""Own the addresses of the ImageNet weights of pytorchcv (github.com/osmr/imgclsmob, MIT); data only.

Taken from the list `model_metainfos.csv` inside pytorchcv 0.0.74. Each file is a zip archive around one checkpoint.
"""

from __future__ import annotations

RELEASES = "https://github.com/osmr/imgclsmob/releases/download"

FILES = {
    "darknet_tiny": ("1784", "4561e1ada619e33520d1f765b3321f7f8ea6196b", "v0.0.69"),
    "fdmobilenet_w1": ("1338", "9d026c04112de9f40e15fa40457d77941443c327", "v0.0.162"),
    "fdmobilenet_w3d4": ("1641", "5561d58aa8889d8d93f2062a2af4e4b35ad7e769", "v0.0.159"),
    "fdmobilenet_wd2": ("2015", "414dbeedb2f829dcd8f94cd7fef10aae6829f06f", "v0.0.83"),
    "fdmobilenet_wd4": ("3098", "2b22b709a05d7ca6e43acc6f3a9f27d0eb2e01cd", "v0.0.177"),
    "hardnet39ds": ("0881", "ea47fc939a130a70c5fa3326c3af6ba049a99f92", "v0.0.485"),
    "mobilenet_w1": ("0895", "7e1d739f0fd4b95c16eef077c5dc0a5bb1da8ad5", "v0.0.155"),
    "mobilenet_w3d4": ("1076", "d801bcaea83885b16a0306b8b77fe314bbc585c3", "v0.0.130"),
    "mobilenet_wd2": ("1355", "41a21242c95050407df876cfa44bb5d3676aa751", "v0.0.156"),
    "mobilenet_wd4": ("2249", "1ad5e8fe8674cdf7ffda8450095eb96d227397e0", "v0.0.62"),
    "mobilenetb_w3d4": ("1037", "8d732bc9e6f5326ce1f31ce836623ac0970f1e16", "v0.0.481"),
    "mobilenetb_wd2": ("1310", "d1549ead8d09cc81f8a1542952a8a30fa937caee", "v0.0.480"),
    "mobilenetb_wd4": ("2201", "428da928e43ecc387763bea8faa8ccc51244cb0e", "v0.0.481"),
    "mobilenetv2_w3d4": ("1082", "8656de5a8d90b29779c35c5ce521267c841fd717", "v0.0.230"),
    "mobilenetv2_wd4": ("2451", "05e1e3a286b27c17ea11928783c4cd48b1e7a9b2", "v0.0.137"),
    "mobilenetv2b_w1": ("0912", "2bcab1d0cd3be4eb270d65e390ff7c9776e38a04", "v0.0.483"),
    "mobilenetv2b_w3d4": ("1105", "0924efc9ca677d2bccfe3987b1e0e1e47afe69e8", "v0.0.483"),
    "mobilenetv2b_wd2": ("1408", "f820ea858dd7be1bbe0ca4639581911d98183cde", "v0.0.486"),
    "mobilenetv2b_wd4": ("2368", "399f95e6cb3c15d57516c1d328201a0af3de5882", "v0.0.483"),
    "peleenet": ("1004", "5107a95d09d062cb152986169aa5b6f8f08afa47", "v0.0.496"),
    "preresnet18_wd4": ("1811", "41135c15210390e9a564b14e8ae2ebda1a662ec1", "v0.0.272"),
    "proxylessnas_mobile": ("0780", "639a90c27de088402db76b09e410326795b6fbdd", "v0.0.304"),
    "resnet18_wd4": ("1785", "fe79b31f56e7becab9c014dbc14ccdb564b5148f", "v0.0.262"),
    "shufflenetv2b_w1": ("1125", "6a5d3dc446e6a00cf60fe8aa2f4139d74d766305", "v0.0.161"),
    "shufflenetv2b_wd2": ("1822", "01d18d6fa1a6136f605a4277f47c9a757f9ede3b", "v0.0.157"),
    "sqnxt23_w1": ("1906", "97b74e0c4d6bf9fc939771d94b2f6dd97de34024", "v0.0.171"),
    "sqnxt23_w2": ("1100", "b9bb7302824f89f16e078f0a506e3a8c0ad9c74e", "v0.0.240"),
    "sqnxt23_w3d2": ("1350", "c2f21bce669dbe50fba544bcc39bc1302f63e1e8", "v0.0.210"),
    "sqnxt23v5_w1": ("1785", "2fe3ad67d73313193a77690b10c17cbceef92340", "v0.0.172"),
    "sqnxt23v5_w2": ("1066", "229b0d3de06197e399eeebf42dc826b78f0aba86", "v0.0.216"),
    "sqnxt23v5_w3d2": ("1301", "c244844ba2f02dadd350dddd74e21360b452f9dd", "v0.0.212"),
}
"""Network of pytorchcv -> its error as four digits, SHA-1 of the checkpoint inside the archive, release."""


WIDTHS = {0.25: "wd4", 0.5: "wd2", 0.75: "w3d4", 1.0: "w1"}


def scaled(network: str, width: float) -> str:
    """Return pytorchcv's name of a network whose channels are multiplied, such as `mobilenet_wd4`."""
    return f"{network}_{WIDTHS[width]}"


def address(network: str) -> tuple[str, str]:
    """Return the address of a network's archive and the SHA-1 of the checkpoint in it."""
    error, sha1, release = FILES[network]
    return f"{RELEASES}/{release}/{network}-{error}-{sha1[:8]}.pth.zip", sha1
