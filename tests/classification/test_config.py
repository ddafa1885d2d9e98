"""The data set sections of image classification, and what is refused."""

import pytest
from pydantic import ValidationError

from zoo_classification.config import DigitsSection, FolderSection


def test_folder_needs_paths_or_a_data_dir(tmp_path):
    assert FolderSection().missing_for({"train", "test"})
    assert FolderSection(data_dir=tmp_path).missing_for({"train", "validation", "test"}) == []
    assert FolderSection(data_dir=tmp_path).missing_for({"prediction"})
    assert FolderSection(training_path=tmp_path).missing_for({"train", "validation", "test", "quantization"}) == []


def test_digits_need_nothing_and_refuse_paths(tmp_path):
    assert DigitsSection().missing_for({"train", "validation", "test", "quantization", "prediction"}) == []
    with pytest.raises(ValidationError, match="come with scikit-learn"):
        DigitsSection(training_path=tmp_path)
