"""Own the splits of a data set of persons: where each comes from, and every reason why one cannot be used."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from zoo_core.data.readable import check_images
from zoo_core.data.stated_classes import stated_classes
from zoo_core.names import did_you_mean, shorten
from zoo_core.protocols import (
    PREDICTION,
    QUANTIZATION,
    TEST,
    TRAIN,
    VALIDATION,
    DataRequest,
    ImageDataset,
    SplitDatasets,
)
from zoo_reid.data.division import divide_by_identity, divide_by_image, draw_in_rounds
from zoo_reid.data.forms import stated_form
from zoo_reid.data.judging import SMALLEST, judge_search, judge_search_among, note_shared_persons
from zoo_reid.data.listing import Pictures, read_pictures
from zoo_reid.data.person_files import HeldBack, PersonFiles, one_role
from zoo_reid.data.places import (
    PREDICTION_GALLERY,
    PREDICTION_QUERY,
    TEST_GALLERY,
    TEST_QUERY,
    TRAINING,
    VALIDATED,
    Place,
    locate,
    parts_wanted,
)
from zoo_reid.data.report import Report
from zoo_reid.labels import BOTH, GALLERY, QUERY

VALIDATION_SHARE = 0.2
IDENTITY = "identity"
SHOWN = 5
"""Unknown persons for whom near names are looked for."""
IDLE = {
    "test_path": f"{TEST_QUERY} and {TEST_GALLERY}",
    "prediction_path": f"{PREDICTION_QUERY} and {PREDICTION_GALLERY}",
}
"""Key that other use cases have -> those that stand in its place."""


def build(section: Any, request: DataRequest) -> SplitDatasets:
    """Read a data set of persons in one of the known forms and divide it.

    Validation pictures are those of `validation_path`, else a share of the training persons, or of the training
    pictures of each. The test set joins `test_query_path` and `test_gallery_path`, else the validation set stands in.
    Calibration pictures come from `quantization_path`, else from training; of a share of them everybody appears once
    before anybody appears twice.

    Raises:
        DataError: Listing everything that is wrong with the files.
    """
    return _Builder(section, request).build()


class _Builder:
    def __init__(self, section: Any, request: DataRequest) -> None:
        self.section = section
        self.request = request
        self.form = stated_form(section)
        self.places = locate(section)
        self.report = Report()
        self.texts: dict[str, str] = {}
        self.held_back: HeldBack | None = None

    def build(self) -> SplitDatasets:
        splits = self.request.splits
        self._check_keys()
        train, validation = self._train_and_validation()
        names = tuple(train.persons) if train is not None and TRAIN in splits else ()
        test = self._pair(TEST, TEST_QUERY, TEST_GALLERY) if TEST in splits else None
        prediction = self._pair(PREDICTION, PREDICTION_QUERY, PREDICTION_GALLERY) if PREDICTION in splits else None
        calibration = self._calibration(train)
        self._judge(train, validation, test)
        self.report.refuse()
        validated = None if validation is None else one_role(validation, names, held_back=self.held_back)
        found: dict[str, ImageDataset | None] = {
            TRAIN: None if train is None else one_role(train, names),
            VALIDATION: validated,
            TEST: PersonFiles.of(test, names) if test is not None else self._stand_in(validated),
            QUANTIZATION: None if calibration is None else one_role(calibration, names),
            PREDICTION: None if prediction is None else PersonFiles.of(prediction, names),
        }
        found = {split: dataset for split, dataset in found.items() if split in splits}
        if self.request.check_image_files:
            check_images(found.values(), self.request.progress)
        return SplitDatasets(
            class_names=names,
            class_ids=(),
            **found,
            sources={split: text for split, text in self.texts.items() if split in found},
            notes=tuple(dict.fromkeys(self.report.notes)),
        )

    def _check_keys(self) -> None:
        """Refuse half a pair and an empty `data_dir`, and note keys without effect."""
        pairs = {TEST: (TEST_QUERY, TEST_GALLERY), PREDICTION: (PREDICTION_QUERY, PREDICTION_GALLERY)}
        for split, pair in pairs.items():
            there = [key for key in pair if key in self.places]
            if split in self.request.splits and len(there) == 1:
                (absent,) = set(pair) - set(there)
                self.report.problem(f"dataset.{absent} is missing beside {self.places[there[0]].key}")
        for key, instead in IDLE.items():
            if getattr(self.section, key) is not None:
                self.report.notes.append(f"dataset.{key} has no effect; {instead} name pictures of persons.")
        folder = self.section.data_dir
        if folder is not None and not any("data_dir" in place.key for place in self.places.values()):
            names = ", ".join(parts_wanted(self.section))
            self.report.notes.append(f"dataset.data_dir: nothing is taken from {folder}; looked for {names}.")

    def _read(self, key: str, *, role: str = BOTH, lenient: bool = False) -> Pictures:
        return read_pictures(self.places[key], self.form, self.report, role=role, lenient=lenient)

    @property
    def _validates(self) -> bool:
        """Tell whether validation pictures are asked for, as such or in place of a test set."""
        splits = self.request.splits
        return VALIDATION in splits or (TEST in splits and not {TEST_QUERY, TEST_GALLERY} & self.places.keys())

    def _train_and_validation(self) -> tuple[Pictures | None, Pictures | None]:
        validates, given = self._validates, VALIDATED in self.places
        calibrates = QUANTIZATION in self.request.splits and self.section.quantization_path is None
        train = validation = None
        if validates and given:
            validation = self._read(VALIDATED)
            self.texts[VALIDATION] = validation.key
            if self.section.validation_split is not None:
                self.report.notes.append(f"dataset.validation_split has no effect beside {validation.key}.")
        wanted = TRAIN in self.request.splits or calibrates or (validates and not given)
        if wanted and TRAINING in self.places:
            train = self._restrict(self._read(TRAINING))
            self.texts[TRAIN] = train.key
            if not given and len(train):
                kept, held = self._hold_back(train)
                validation = held if validates else None
                if len(kept) or validates or TRAIN in self.request.splits:
                    train = kept
        return train, validation

    def _restrict(self, whole: Pictures) -> Pictures:
        """Return the pictures of the stated persons, and compare their number with the stated one."""
        stated = stated_classes(self.section)
        if not len(whole):
            return whole
        persons = whole.persons
        unknown = [name for name in stated if name not in set(persons)]
        if unknown:
            near = [text for name in unknown[:SHOWN] if (text := did_you_mean(name, persons))]
            self.report.problem(
                f"{whole.key}: dataset.class_names names persons of whom there is no picture: {shorten(unknown)}",
                " ".join(dict.fromkeys(near)) or f"Persons there are: {shorten(persons)}",
            )
        if stated:
            whole = whole.of_persons(stated)
            persons = whole.persons
        count = self.section.num_classes
        if count is not None and count != len(persons) and TRAIN in self.request.splits and not unknown:
            self.report.problem(
                f"dataset.num_classes is {count}, and {whole.key} shows {len(persons)} persons: {shorten(persons)}",
                "Remove dataset.num_classes, or name the persons you mean in dataset.class_names.",
            )
        return whole

    def _hold_back(self, whole: Pictures) -> tuple[Pictures, Pictures]:
        share = self.section.validation_split or VALIDATION_SHARE
        by, seed = self.section.validation_split_by, self.request.seed
        if by == IDENTITY:
            kept, held = divide_by_identity(whole.identities, share, seed)
            what = "the persons"
        else:
            kept, held = divide_by_image(whole.identities, whole.files, share, seed)
            what = "the pictures"
        self.held_back = HeldBack(share=share, by=by, seed=seed)
        self.texts[TRAIN] = f"{100 * (1 - share):g} % of {what} of {whole.key}"
        self.texts[VALIDATION] = f"{100 * share:g} % of {what} of {whole.key}"
        return whole.chosen(kept), replace(whole.chosen(held), key=self.texts[VALIDATION])

    def _pair(self, split: str, query: str, gallery: str) -> dict[str, Pictures] | None:
        """Return the pictures that are searched for and those that are searched through, by role."""
        if not {query, gallery} <= self.places.keys():
            return None
        lenient = split == PREDICTION
        found = {
            QUERY: self._read(query, role=QUERY, lenient=lenient),
            GALLERY: self._read(gallery, role=GALLERY, lenient=lenient),
        }
        if any(camera < 0 for part in found.values() for camera in part.cameras):
            found = {role: part.without_cameras() for role, part in found.items()}
        self.texts[split] = f"{found[QUERY].key} and {found[GALLERY].key}"
        return found

    def _calibration(self, train: Pictures | None) -> Pictures | None:
        if QUANTIZATION not in self.request.splits:
            return None
        pictures, source = train, "the training set"
        path = self.section.quantization_path
        if path is not None:
            place = Place("dataset.quantization_path", path)
            pictures = read_pictures(place, self.form, self.report, role=GALLERY, lenient=True)
            source = place.key
        if pictures is None or not len(pictures):
            return None
        share = self.section.quantization_split
        self.texts[QUANTIZATION] = source
        if share is None or share >= 1.0:
            return pictures
        self.texts[QUANTIZATION] = f"{100 * share:g} % of {source}, drawn in rounds over the persons"
        return pictures.chosen(draw_in_rounds(pictures.identities, share, self.request.quantization_seed))

    def _judge(self, train: Pictures | None, validation: Pictures | None, test: dict[str, Pictures] | None) -> None:
        """Judge the sets as a whole: enough persons, somebody to be found, nobody known from the training."""
        trains = TRAIN in self.request.splits and train is not None
        if trains and train is not None:
            self._judge_training(train)
        if validation is not None and self._validates:
            hint = "Give more pictures of each person."
            if self.held_back is not None:
                hint = f"{hint} Or set dataset.validation_split_by: identity, or a larger dataset.validation_split."
            judge_search_among(validation, self.report, hint)
        if test is not None:
            judge_search(test[QUERY], test[GALLERY], self.report)
        if trains and train is not None:
            if validation is not None and self.held_back is None:
                note_shared_persons(train, validation, self.report)
            if test is not None:
                note_shared_persons(train, test[QUERY], self.report)

    def _judge_training(self, train: Pictures) -> None:
        counts = Counter(train.identities)
        if len(counts) < SMALLEST and (counts or self.held_back is not None):
            more = ", and one more for the validation" if self.held_back is not None else ""
            self.report.problem(
                f"{train.key}: a training needs {SMALLEST} persons{more}; {len(counts)} is left for it",
                "Add pictures of more persons, or name validation pictures in dataset.validation_path.",
            )
        single = sum(count == 1 for count in counts.values())
        if single:
            self.report.notes.append(
                f"{train.key}: {single} of {len(counts)} training persons have one picture, so that no other picture "
                "of them can be brought near."
            )

    def _stand_in(self, validation: PersonFiles | None) -> PersonFiles | None:
        if validation is not None and TEST in self.request.splits:
            self.texts[TEST] = f"the validation set: {self.texts[VALIDATION]}"
            self.report.notes.append(
                "No queries and gallery are given; each picture of the validation set is searched for among all others."
            )
        return validation
