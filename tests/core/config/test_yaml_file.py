"""Every key has its line, every fault of a file its line and plain words."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from zoo_core.config.yaml_file import read_yaml
from zoo_core.errors import ConfigError

KEYS = st.text(alphabet="abcdefgh_", min_size=1, max_size=6)
SCALARS = st.integers() | st.booleans() | st.none() | st.text(alphabet="xyz 0:#-", max_size=8)
TREES = st.dictionaries(
    KEYS,
    st.recursive(SCALARS, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8),
    min_size=1,
    max_size=4,
)


def flat(data, prefix=""):
    for name, value in data.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")


@given(TREES)
def test_the_line_of_a_key_holds_its_name(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("yaml") / "x.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False, width=1000), encoding="utf-8")
    lines = path.read_text(encoding="utf-8").splitlines()
    found = read_yaml(path).lines
    assert set(found) == set(flat(tree))
    assert all(lines[line - 1].lstrip().startswith(key.rpartition(".")[2]) for key, line in found.items())


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", None, "the file is empty"),
        ("# only a comment\n", None, "the file is empty"),
        ("- a\n- b\n", 1, "expected sections"),
        ("general:\n  seed: 1\n\tname: x\n", 3, "a tab stands where only spaces"),
        ("general:\n  seed: [1, 2\nmodel:\n", 3, "not YAML"),
        ("general:\n  seed: 1\n name: 2\n", 3, "not YAML"),
        ("a: 'x\n", 2, "unexpected end"),
        ("a: 1\n---\nb: 2\n", 2, "a second one after `---`"),
        ("a: *.png\n", 1, "begins with * needs quotes"),
        ("a:\n  - &loop [*loop]\n", 2, "an anchor contains itself"),
        ("a: " + "[" * 3000 + "\n", None, "not YAML"),
        ("a: \x00\n", None, "not YAML"),
        ("a:\n  ? [1, 2]\n  : 3\n", 2, "a plain word"),
        ("training:\n  frozen_layers: 10:20\n", 2, "for a slice write (10:20)"),
    ],
)
def test_faults_name_their_line(write, text, line, words):
    with pytest.raises(ConfigError) as caught:
        read_yaml(write(text))
    (issue,) = caught.value.issues
    assert issue.line == line
    assert issue.file.endswith("user_config.yaml")
    assert words in issue.message


def test_keys_that_stand_twice_are_all_named(write):
    with pytest.raises(ConfigError) as caught:
        read_yaml(write("a: 1\nb: {c: 1, c: 2}\na: 3\n"))
    assert [(issue.key, issue.line) for issue in caught.value.issues] == [("b.c", 2), ("a", 3)]
    assert "also in line 1" in caught.value.issues[1].message


def test_a_small_file_that_grows_without_bound_is_refused(write):
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="more than"):
        read_yaml(write("\n".join(rows)))


def test_merged_mappings_keep_their_lines(write):
    lines = read_yaml(write("base: &base\n  x: 1\nother:\n  <<: *base\n  y: 2\n")).lines
    assert (lines["other.x"], lines["other.y"]) == (2, 5)


@pytest.mark.parametrize(
    ("name", "words"), [("x.json", "ends in .yaml or .yml"), ("x.yaml", "is a directory|cannot be read")]
)
def test_what_is_no_file_is_refused(tmp_path, name, words):
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError, match=words):
        read_yaml(tmp_path / name)


def test_a_missing_file_lists_its_neighbours(write, tmp_path):
    write("a: 1\n", "training.yaml")
    with pytest.raises(ConfigError, match=r"no such file.*holds training\.yaml"):
        read_yaml(tmp_path / "trainin.yaml")
    with pytest.raises(ConfigError, match="no directory"):
        read_yaml(tmp_path / "none" / "x.yaml")


def test_other_encodings_are_refused_and_a_byte_order_mark_is_not(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_yaml(tmp_path / "latin.yaml")
    (tmp_path / "mark.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(tmp_path / "mark.yaml").lines == {"a": 1}
