"""Give tests of data sets small ones on disk, and the call that reads them."""

import numpy as np
import pytest
from PIL import Image

from zoo_core.protocols import SPLITS, DataRequest
from zoo_reid.config import ReidDatasetSection
from zoo_reid.data.build import build


class Folder:
    """Write pictures below a folder, and read them back."""

    def __init__(self, root):
        self.root = root

    def pictures(self, *names):
        """Write a picture of 8 x 16 pixels under each name."""
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(sum(name.encode())).integers(0, 256, (16, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)

    def text(self, name, *lines):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def section(self, **keys):
        """Return the section; values of paths are names below the folder."""
        values = {
            key: self.root / value if key.endswith(("_path", "data_dir")) else value for key, value in keys.items()
        }
        return ReidDatasetSection(**values)

    def read(self, *splits, check=False, seed=123, **keys):
        """Build some splits, all of them by default."""
        request = DataRequest(splits=frozenset(splits or SPLITS), seed=seed, check_image_files=check)
        return build(self.section(**keys), request)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)
