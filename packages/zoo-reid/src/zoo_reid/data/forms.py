"""Own the forms of data sets of persons: their names, and how the name of a file tells person and camera.

Nothing heavy is imported here, since the check of configurations reads it.
"""

from __future__ import annotations

import re
from typing import Any

from zoo_core.names import split_qualified

FLAT, FOLDERS = "flat", "folders"
MARKET1501, DUKEMTMC, MSMT17, DEEPSPORTRADAR = "market1501", "dukemtmc", "msmt17", "deepsportradar"
FORMS = {
    "flat": FLAT,
    "folders": FOLDERS,
    "identity_folders": FOLDERS,
    "market1501": MARKET1501,
    "market": MARKET1501,
    "market_1501": MARKET1501,
    "market-1501": MARKET1501,
    "dukemtmc": DUKEMTMC,
    "dukemtmcreid": DUKEMTMC,
    "dukemtmc_reid": DUKEMTMC,
    "dukemtmc-reid": DUKEMTMC,
    "msmt17": MSMT17,
    "msmt17_v1": MSMT17,
    "msmt17_v2": MSMT17,
    "deepsportradar": DEEPSPORTRADAR,
    "deepsportradar_reid": DEEPSPORTRADAR,
    "deepsportradar-reid": DEEPSPORTRADAR,
    "synergyreid": DEEPSPORTRADAR,
}
"""Value of `format` or `dataset_name` -> form."""
EXPECTED = {
    FLAT: "<identity>_<anything>, as in 0007_01.jpg",
    FOLDERS: "one folder per person with its pictures inside",
    MARKET1501: "<person>_c<camera>s<sequence>_<frame>_<box>, as in 0002_c1s1_000451_03.jpg",
    DUKEMTMC: "<person>_c<camera>_f<frame>, as in 0001_c2_f0046182.jpg",
    MSMT17: "<person>/<person>_<n>_<camera>_<time>_<frame>_<n>, as in 0000/0000_000_01_0303morning_0008_0.jpg",
    DEEPSPORTRADAR: "<person>_<sequence>_<frame>, as in 0012_0003_0001.jpeg",
}
"""Form -> what its files are called."""
JUNK = "-1"
"""Person of Market-1501's pictures of nobody in particular, which count neither as right nor as wrong."""
DISTRACTOR = "0000"
"""Person of Market-1501's gallery pictures that nobody searches for."""

_MARKET = re.compile(r"(-1|\d+)_c(\d+)s\d+_")
_DUKE = re.compile(r"(\d+)_c(\d+)_")
_MSMT = re.compile(r"(\d+)_\d+_(\d+)(?:_|$)")
_FLAT_CAMERA = re.compile(r"c(\d+)(?:s\d+)?(?:_|$)")
_ANY_CAMERA = re.compile(r"(?:^|_)c(\d+)(?:s\d+)?(?:_|$)")
_WITH_CAMERA = {MARKET1501: _MARKET, DUKEMTMC: _DUKE}


def stated_form(section: Any) -> str | None:
    """Return the form that a `dataset` section states, itself or by the name of the data set, or nothing."""
    for value in (section.format, section.dataset_name):
        if value is not None:
            form = FORMS.get(split_qualified(value)[1].casefold())
            if form is not None:
                return form
    return None


def read_name(form: str, relative: str) -> tuple[str, int]:
    """Return person and camera that a path below the folder of a set tells.

    Args:
        form: Form of the set.
        relative: Path with `/` between its parts.

    Returns:
        Identity, empty where the name does not fit the form, and camera, -1 where the name has none.
    """
    folder, _, file = relative.rpartition("/")
    stem = file.rpartition(".")[0]
    if form == FOLDERS:
        return folder.partition("/")[0], _camera(_ANY_CAMERA.search(stem))
    if form == MSMT17:
        found = _MSMT.match(stem)
        return ("", -1) if found is None else (folder.rpartition("/")[2] or found[1], int(found[2]))
    if form in _WITH_CAMERA:
        found = _WITH_CAMERA[form].match(stem)
        return ("", -1) if found is None else (found[1], int(found[2]))
    identity, underscore, rest = stem.partition("_")
    if not underscore:
        return "", -1
    return identity, -1 if form == DEEPSPORTRADAR else _camera(_FLAT_CAMERA.match(rest))


def _camera(found: re.Match[str] | None) -> int:
    return -1 if found is None else int(found[1])
