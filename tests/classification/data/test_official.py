"""Data sets with splits of their own: where each split comes from, and that they can be fetched."""

import gzip
import hashlib
import io
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from official_files import idx_bytes, names, pixels, request, write_cifar10, write_class_folders, write_mnist
from PIL import Image
from pydantic import ValidationError

from zoo_classification.config import Cifar100Section, FolderSection, ImageNetSection, OfficialSection
from zoo_classification.data import cifar, mnist
from zoo_core.cli._progress import open_progress
from zoo_core.data.fetch import RemoteFile
from zoo_core.errors import DataError, MissingError
from zoo_core.plugins import get_catalog

DIGITS = {str(digit): 2 for digit in range(10)}


def ask(section, *splits, **more):
    return mnist.build_mnist(section, request(section, *splits, **more))


def refuse(section, *splits, **more):
    with pytest.raises(DataError) as caught:
        ask(section, *splits, **more)
    return str(caught.value)


@pytest.fixture
def home(tmp_path):
    write_mnist(tmp_path / "mnist", packed=False)
    return tmp_path


def test_only_what_is_asked_for_is_given(home):
    data = ask(OfficialSection(data_dir=home), "test")
    assert (data.train, data.validation, data.quantization, data.prediction) == (None, None, None, None)
    assert set(data.sources) == {"test"}


def test_same_split_whatever_else_is_asked(home):
    section = OfficialSection(data_dir=home)
    assert names(ask(section).train) == names(ask(section, "train").train)
    assert names(ask(section).validation) == names(ask(section, "validation").validation)
    assert names(ask(section).quantization) == names(ask(section, "quantization").quantization)


def test_validation_folder_leaves_all_training_images(home, tmp_path):
    folder = write_class_folders(tmp_path / "own", DIGITS)
    data = ask(OfficialSection(data_dir=home, validation_path=folder, validation_split=0.3))
    assert (len(data.train), len(data.validation), len(data.test)) == (50, 20, 20)
    assert data.sources["validation"] == "dataset.validation_path"
    assert data.notes == ("dataset.validation_split has no effect beside dataset.validation_path.",)


def test_test_folder_comes_before_the_own_test_images(home, tmp_path):
    folder = write_class_folders(tmp_path / "own", {"1": 3, "0": 2} | {str(digit): 1 for digit in range(2, 10)})
    data = ask(OfficialSection(data_dir=home, test_path=folder), "test", "prediction")
    assert data.sources["test"] == "dataset.test_path"
    assert list(data.test.targets) == [0, 0, 1, 1, 1, *range(2, 10)]
    assert names(data.prediction) == names(data.test)


def test_training_folder_with_the_own_test_images(home, tmp_path):
    folder = write_class_folders(tmp_path / "own", DIGITS)
    data = ask(OfficialSection(data_dir=home, training_path=folder))
    assert (len(data.train), len(data.validation), len(data.test)) == (16, 4, 20)
    assert data.sources["train"] == "80 % of dataset.training_path"


def test_class_folders_in_the_users_names(home, tmp_path):
    shown = tuple(f"digit {digit}" for digit in range(10))
    for spelling in (shown, tuple(DIGITS)):
        folder = write_class_folders(tmp_path / spelling[0], dict.fromkeys(spelling, 1))
        data = ask(OfficialSection(data_dir=home, test_path=folder, class_names=shown), "test")
        assert data.class_names == shown
        assert list(data.test.targets) == list(range(10))


def test_class_folders_of_other_classes_are_refused(home, tmp_path):
    folder = write_class_folders(tmp_path / "own", {"cat": 1, "dog": 1})
    message = refuse(OfficialSection(data_dir=home, test_path=folder), "test")
    assert "has no folder for 0, 1, 2, 3, 4, ... (10 in all)" in message
    assert "folders of no class: cat, dog" in message


def test_official_test_files_of_another_folder(home, tmp_path):
    written = write_mnist(tmp_path / "other", test=30)
    data = ask(OfficialSection(data_dir=home, test_path=tmp_path / "other"), "test")
    assert len(data.test) == len(written["t10k"][1]) == 30


def test_evaluation_needs_no_more_than_a_test_path(home):
    section = OfficialSection(test_path=home / "mnist")
    assert section.missing_for(["test", "prediction"]) == []
    assert len(ask(section, "test").test) == 20


def test_test_set_falls_back_to_validation_images(tmp_path, home):
    folder = write_class_folders(tmp_path / "own", DIGITS)
    data = ask(OfficialSection(training_path=folder, validation_path=home / "mnist"), "test")
    assert data.sources["test"] == "the validation set: the test images of MNIST"
    assert data.notes == ("No test set is given; the validation set stands in for it.",)


def test_calibration_takes_a_share_of_training_or_a_folder(home, tmp_path):
    data = ask(OfficialSection(data_dir=home, quantization_split=0.5))
    assert len(data.quantization) == 20
    assert set(names(data.quantization)) <= set(names(data.train))
    assert data.sources["quantization"] == "50 % of the training set"
    folder = write_class_folders(tmp_path / "own", {"any": 8})
    data = ask(OfficialSection(data_dir=home, quantization_path=folder, quantization_split=0.25), "quantization")
    assert len(data.quantization) == 2
    assert data.train is None


def test_prediction_takes_the_test_images_or_the_users(home, tmp_path):
    assert OfficialSection(data_dir=home).missing_for(["prediction"]) == []
    assert names(ask(OfficialSection(data_dir=home), "prediction").prediction) == names(
        ask(OfficialSection(data_dir=home), "test").test
    )
    folder = write_class_folders(tmp_path / "own", {"any": 3})
    assert len(ask(OfficialSection(data_dir=home, prediction_path=folder), "prediction").prediction) == 3


def test_check_of_image_files_looks_at_class_folders_and_not_at_pixels(home, tmp_path):
    folder = write_class_folders(tmp_path / "own", DIGITS)
    section = OfficialSection(data_dir=home, test_path=folder)
    assert len(ask(section, check_image_files=True).test) == 20
    (folder / "3" / "0.png").write_bytes(b"")
    assert "0.png: the file is empty" in refuse(section, check_image_files=True)


def test_class_folders_below_data_dir_are_read_as_such(tmp_path):
    write_class_folders(tmp_path / "train", DIGITS)
    write_class_folders(tmp_path / "val", DIGITS, seed=1)
    data = ask(OfficialSection(data_dir=tmp_path))
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 20, 20)


def test_files_of_two_folders_must_be_of_one_data_set(tmp_path, home):
    (tmp_path / "empty").mkdir()
    message = refuse(OfficialSection(data_dir=tmp_path / "empty"), "train")
    assert f"{tmp_path / 'empty'} holds no files of MNIST" in message
    assert "  ├── train-images-idx3-ubyte[.gz]" in message


# ---------------------------------------------------------------- the section


def test_folder_must_exist_unless_it_is_filled_by_a_download(tmp_path):
    with pytest.raises(ValidationError, match=r"there is no directory .*data_download: True fetches"):
        OfficialSection(data_dir=tmp_path / "absent")
    assert OfficialSection(data_dir=tmp_path / "absent", data_download=True).missing_for(["train"]) == []
    (tmp_path / "file").touch()
    with pytest.raises(ValidationError, match="is a file, not a directory"):
        OfficialSection(data_dir=tmp_path / "file", data_download=True)
    with pytest.raises(ValidationError, match="put your own path in place"):
        OfficialSection(data_dir=tmp_path / "<your folder>", data_download=True)


def test_something_must_lead_to_the_images():
    (sentence,) = OfficialSection().missing_for(["train", "validation", "test"])
    assert sentence.startswith("data_dir or training_path is needed")
    assert OfficialSection().missing_for(["quantization"]) == []
    assert OfficialSection().missing_for(["prediction"]) == ["prediction_path is needed for prediction"]
    assert OfficialSection(data_download=True).missing_for(["train", "test"]) == []


def test_images_without_an_address_cannot_be_fetched(tmp_path):
    for section in (FolderSection, ImageNetSection):
        assert not section(data_dir=tmp_path, data_download=False).data_download
        with pytest.raises(ValidationError, match="no public address"):
            section(data_dir=tmp_path, data_download=True)


def test_label_mode_belongs_to_cifar100():
    with pytest.raises(ValidationError, match="label_mode"):
        OfficialSection(label_mode="fine")
    with pytest.raises(ValidationError, match="fine"):
        Cifar100Section(label_mode="medium")


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("CIFAR-10", "cifar10"),
        ("cifar_100", "cifar100"),
        ("flower-102", "flowers102"),
        ("food-101", "food101"),
        ("Fashion-MNIST", "fashion_mnist"),
        ("emnist", "emnist_byclass"),
        ("mnist", "mnist"),
        ("flowers", "custom"),
    ],
)
def test_names_that_users_write_are_known(asked, name):
    assert get_catalog().datasets.get(asked).name == name


# ---------------------------------------------------------------- fetching


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        files: ClassVar[dict[str, bytes]] = {}
        asked: ClassVar[list[str]] = []

        def do_GET(self):
            self.asked.append(self.path)
            body = self.files[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    Handler.address = f"http://127.0.0.1:{http.server_port}"
    yield Handler
    http.shutdown()
    thread.join()
    http.server_close()


def offer(server, path, body, **more):
    server.files[path] = body
    return RemoteFile(url=f"{server.address}{path}", sha256=hashlib.sha256(body).hexdigest(), **more)


@pytest.fixture
def remote_cifar10(server, tmp_path, monkeypatch):
    """Offer CIFAR-10 as one tar.gz, as its authors do, and a cache folder of its own."""
    write_cifar10(tmp_path / "source" / "cifar-10-batches-py")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.add(tmp_path / "source" / "cifar-10-batches-py", "cifar-10-batches-py")
    file = offer(server, "/cifar-10-python.tar.gz", stream.getvalue())
    monkeypatch.setattr(cifar, "CIFAR10", replace(cifar.CIFAR10, downloads=(file,)))
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    return server


def fetch(section, *splits):
    with open_progress(io.StringIO()) as progress:
        return cifar.build_cifar10(section, request(section, *splits, progress=progress))


def test_archive_is_fetched_once_into_the_folder_that_is_named(remote_cifar10, tmp_path):
    section = OfficialSection(data_dir=tmp_path / "data", data_download=True)
    data = fetch(section)
    assert (len(data.train), len(data.test)) == (40, 10)
    assert data.notes == (f"CIFAR-10 was fetched into {tmp_path / 'data'}.",)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["cifar-10-batches-py"]
    assert fetch(section).notes == ()
    assert remote_cifar10.asked == ["/cifar-10-python.tar.gz"]
    assert not list((tmp_path / "cache").rglob("*.tar.gz"))


def test_cache_is_the_folder_when_none_is_named(remote_cifar10, tmp_path):
    fetch(OfficialSection(data_download=True), "test")
    assert (tmp_path / "cache" / "datasets" / "cifar-10-batches-py" / "test_batch").is_file()


def test_nothing_is_fetched_when_a_path_leads_to_the_files(remote_cifar10, tmp_path):
    write_cifar10(tmp_path / "mine")
    fetch(OfficialSection(training_path=tmp_path / "mine", data_download=True))
    assert remote_cifar10.asked == []


def test_without_a_screen_for_progress_nothing_is_fetched(remote_cifar10, tmp_path):
    section = OfficialSection(data_dir=tmp_path / "data", data_download=True)
    with pytest.raises(DataError, match="lacks files of CIFAR-10"):
        cifar.build_cifar10(section, request(section))
    assert remote_cifar10.asked == []


def test_incomplete_data_set_is_completed(remote_cifar10, tmp_path):
    section = OfficialSection(data_dir=tmp_path / "data", data_download=True)
    fetch(section)
    (tmp_path / "data" / "cifar-10-batches-py" / "data_batch_3").unlink()
    assert len(fetch(section, "train").train) == 40


def test_other_content_than_published_is_refused_and_nothing_is_unpacked(remote_cifar10, tmp_path):
    remote_cifar10.files["/cifar-10-python.tar.gz"] += b"x"
    with pytest.raises(MissingError, match="another content than expected"):
        fetch(OfficialSection(data_dir=tmp_path / "data", data_download=True))
    assert not (tmp_path / "data").exists()


def test_compressed_files_are_unpacked_so_that_they_can_be_mapped(server, tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    images, labels = idx_bytes(pixels(0, 20, 28, 28)), idx_bytes(pixels(1, 20) % 10)
    files = tuple(
        offer(server, f"/{stem}-{kind}-ubyte.gz", gzip.compress(body), into="mnist")
        for stem in ("train", "t10k")
        for kind, body in (("images-idx3", images), ("labels-idx1", labels))
    )
    monkeypatch.setattr(mnist, "MNIST", replace(mnist.MNIST, downloads=files))
    with open_progress(io.StringIO()) as progress:
        data = ask(OfficialSection(data_dir=tmp_path / "data", data_download=True), progress=progress)
    assert len(data.test) == 20
    assert not data.test.in_memory
    assert len(list((tmp_path / "data" / "mnist").iterdir())) == 4


def test_published_files_are_named_with_a_hash_each():
    from zoo_classification.data import emnist, flowers102, food101

    formats = (cifar.CIFAR10, cifar.CIFAR100, mnist.MNIST, mnist.FASHION_MNIST, emnist.EMNIST)
    for official in (*formats, flowers102.FLOWERS, food101.FOOD):
        assert official.downloads
        for file in official.downloads:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.url.startswith(("https://", "http://"))
            assert file.into in ("", *official.folders)


def test_image_of_a_class_folder_is_opened_as_it_is(home, tmp_path):
    folder = write_class_folders(tmp_path / "own", DIGITS)
    sample = ask(OfficialSection(data_dir=home, test_path=folder), "test").test[0]
    with Image.open(folder / "0" / "0.png") as image:
        assert sample.image.tobytes() == image.tobytes()
