"""Composition follows Hydra's rules, and says what is wrong without its vocabulary."""

import datetime
import re
from pathlib import Path

import pytest

from zoo_core.config.compose import compose
from zoo_core.errors import ConfigError

BASE = """
general: {project_name: first, seed: 1}
model:
  model_name: net_a
  label: ${model.model_name}_${general.seed}
training:
  weight_decay: !!float 2e-5
  lr: 1e-6
  frozen_layers: (0:-1)
"""


def issues(path, *overrides):
    return {issue.key: issue for issue in compose(path, overrides).issues}


def test_values_and_references(write):
    data = compose(write(BASE)).data
    assert data["model"]["label"] == "net_a_1"
    assert data["training"] == {"weight_decay": 2e-5, "lr": 1e-6, "frozen_layers": "(0:-1)"}
    assert {type(value) for value in data.values()} == {dict}


def test_the_run_directory_has_a_default_and_knows_the_time(write):
    this_year = str(datetime.datetime.now(tz=datetime.UTC).year)
    default = compose(write(BASE)).hydra["run"]["dir"]
    assert re.fullmatch(rf"\./experiments_outputs/{this_year}(_\d\d){{5}}", default)
    own = compose(write(f"{BASE}hydra:\n  run:\n    dir: out/${{now:%Y}}/${{model.model_name}}\n"))
    assert own.data["hydra"] == {"run": {"dir": f"out/{this_year}/net_a"}}
    assert compose(write(BASE), ["hydra.run.dir=here"]).hydra["run"]["dir"] == "here"


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("general.seed=7", "general.seed", 7),
        ("general.new=7", "general.new", 7),
        ("other.section.key=x", "other.section.key", "x"),
        ("operation_mode=training", "operation_mode", "training"),
        ("+general.new=7", "general.new", 7),
        ("++general.seed=7", "general.seed", 7),
        ("model.input_shape=(3,32,32)", "model.input_shape", "(3,32,32)"),
        ("model.input_shape=[3,32,32]", "model.input_shape", [3, 32, 32]),
        ("training.frozen_layers=(0:-1)", "training.frozen_layers", "(0:-1)"),
        ("training.scale=1/127.5", "training.scale", "1/127.5"),
        ("training.schedule=lambda epoch, lr: lr * 0.5", "training.schedule", "lambda epoch, lr: lr * 0.5"),
        ("model.model_path=C:/ST/it's <here>.onnx", "model.model_path", "C:/ST/it's <here>.onnx"),
        ("training.optimizer.opt-eps=1e-8", "training.optimizer.opt-eps", 1e-8),
        ("general.seed=null", "general.seed", None),
        ("general.seed=", "general.seed", ""),
        ("general={seed:5}", "general.seed", 5),
        ("model.copy=${general.seed}", "model.copy", 1),
        ("dataset.path=back\\slash'", "dataset.path", "back\\slash'"),
    ],
)
def test_overrides(write, override, key, value):
    composed = compose(write(BASE), [override])
    assert composed.issues == ()
    node = composed.data
    for name in key.split("."):
        node = node[name]
    assert node == value
    written = override.lstrip("+").partition("=")[0]
    assert composed.origins.exact(written).file == "command line"
    assert composed.overrides == (override,)


def test_a_key_can_be_taken_away(write):
    assert "lr" not in compose(write(BASE), ["~training.lr"]).data["training"]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("general.seed", "not of the form key=value"),
        ("=3", "names no key"),
        ("a b=3", "not of the form key=value"),
        ("general.seed=1,2", "sweep"),
        ("general.seed=range(1,3)", "sweep"),
        ("~general.sed", "does not exist"),
        ("+general.seed=3", "already"),
    ],
)
def test_wrong_overrides_are_named_and_the_others_apply(write, override, words):
    composed = compose(write(BASE), [override, "general.project_name=second"])
    assert len(composed.issues) == 1, composed.issues
    issue = composed.issues[0]
    assert issue.file == "command line"
    assert words in issue.message
    assert composed.data["general"] == {"project_name": "second", "seed": 1}


def test_environment_variables_stand_anywhere(write, monkeypatch):
    monkeypatch.setenv("MODELS_DIR", "/models/${odd}$x")
    monkeypatch.setenv("COUNT", "3")
    text = "model: {model_path: '${MODELS_DIR}/a.pt'}\nlist: [{x: '${COUNT}'}]\ncount: ${list}\n"
    data = compose(write(text)).data
    assert data["model"]["model_path"] == "/models/${odd}$x/a.pt"
    assert data["list"] == data["count"] == [{"x": "3"}]


def test_every_reference_that_fails_is_named(write, monkeypatch):
    monkeypatch.delenv("UNSET_HERE", raising=False)
    text = (
        "a: ${b.rigth}\nb:\n  right: 1\n  path: ${UNSET_HERE}/x\n  name: ${right}\nc: ???\nd: ${d}\n"
        "e: {f: '${e}'}\ng: ${nothing:1}\nk: [1, '${b.none}']\nok: ${b.right}\n"
    )
    composed = compose(write(text))
    found = {issue.key: issue for issue in composed.issues}
    loops = {key for key in found if key.startswith("e.f")}
    assert loops
    assert set(found) - loops == {"a", "b.path", "b.name", "c", "d", "g", "k.1"}
    assert found["a"].line == 1
    assert "Did you mean b.right" in found["a"].hint
    assert "UNSET_HERE is not set" in found["b.path"].message
    assert found["b.path"].line == 4
    assert "${b.right}" in found["b.name"].hint
    assert composed.data["ok"] == 1


def test_the_defaults_list_is_followed_and_every_file_has_its_lines(write):
    write("model_name: from_group\nalpha: 2\n", "model/net.yaml")
    write("# @package _global_\ngeneral:\n  seed: 99\n", "recipe/quick.yaml")
    write("model_name: other\n", "model/other.yaml")
    path = write("defaults:\n  - model: net\n  - recipe: quick\n  - _self_\nmodel:\n  model_name: own\n")
    composed = compose(path)
    assert composed.data["model"] == {"model_name": "own", "alpha": 2}
    assert composed.data["general"] == {"seed": 99}
    places = {key: (Path(place.file).name, place.line) for key, place in composed.origins.places.items()}
    assert places["model.model_name"] == ("user_config.yaml", 6)
    assert places["model.alpha"] == ("net.yaml", 2)
    assert places["general.seed"] == ("quick.yaml", 3)
    assert composed.origins.exact("model.alpha").base_dir == path.parent / "model"
    chosen = compose(path, ["model=other", "~recipe"])
    assert chosen.data["model"] == {"model_name": "own"}
    assert "general" not in chosen.data


def test_a_group_that_does_not_exist_is_explained(write):
    write("a: 1\n", "model/net.yaml")
    with pytest.raises(ConfigError) as caught:
        compose(write("defaults:\n  - model: nett\n"))
    (issue,) = caught.value.issues
    assert (issue.key, issue.line) == ("defaults", 1)
    assert "model/nett, which does not exist" in issue.message
    assert issue.hint == "Did you mean net?"


def test_a_fault_in_an_included_file_names_that_file(write):
    write("a: [1\n", "model/bad.yaml")
    with pytest.raises(ConfigError, match=r"model/bad\.yaml:2"):
        compose(write("defaults:\n  - model: bad\n"))


def test_references_without_their_brace_are_all_named(write):
    with pytest.raises(ConfigError) as caught:
        compose(write("a: '${open'\nb: {c: '${now:%Y', d: 1}\n"))
    assert [(issue.key, issue.line) for issue in caught.value.issues] == [("a", 1), ("b.c", 2)]


@pytest.mark.parametrize("text", ["foo", "\n  - 3", "\n  - [a]", "{a: b}", "\n  - model: 3.5", "\n  - _self_: 1"])
def test_a_malformed_defaults_list_is_one_clear_error(write, text):
    with pytest.raises(ConfigError) as caught:
        compose(write(f"a: 1\ndefaults: {text}\n"))
    (issue,) = caught.value.issues
    assert (issue.key, issue.line) == ("defaults", 2)


@pytest.mark.parametrize("text", ["hydra: 3\n", "hydra:\n", "hydra: {rnu: {dir: x}}\n", "hydra: {run: 3}\n"])
def test_a_malformed_hydra_section_is_one_clear_error(write, text):
    with pytest.raises(ConfigError) as caught:
        compose(write(f"a: 1\n{text}"))
    (issue,) = caught.value.issues
    assert issue.key.startswith("hydra")
    assert issue.line == 2
    assert "Traceback" not in str(caught.value)


def test_settings_of_hydra_without_effect_are_noted(write):
    composed = compose(write("a: 1\nhydra: {job: {chdir: true}, run: {dir: x}}\n"))
    assert composed.notes == ("hydra.job.chdir has no effect; of the hydra section only run.dir and searchpath count",)


def test_a_search_path_that_is_not_there_is_an_issue(write, tmp_path):
    text = f"a: 1\nhydra: {{searchpath: ['file://{tmp_path}/none']}}\n"
    (issue,) = compose(write(text)).issues
    assert (issue.key, issue.line) == ("hydra.searchpath", 2)
    assert "not available" in issue.message
    write("model_name: far\n", "there/model/net.yaml")
    found = f"defaults: [{{model: net}}, _self_]\nhydra: {{searchpath: ['file://{tmp_path}/there']}}\n"
    for name in ("x.yaml", "y.yml"):
        composed = compose(write(found, name))
        assert composed.issues == ()
        assert composed.data["model"] == {"model_name": "far"}
        assert composed.origins.exact("model.model_name").file == f"{tmp_path}/there/model/net.yaml"


def test_objects_are_never_made(write, tmp_path):
    text = f"a: !!python/object/apply:os.mkdir ['{tmp_path}/made']\n"
    with pytest.raises(ConfigError, match="could not determine a constructor"):
        compose(write(text))
    data = compose(write(f"a: {{_target_: os.mkdir, path: {tmp_path}/made}}\n")).data
    assert data["a"]["_target_"] == "os.mkdir"
    assert not (tmp_path / "made").exists()


def test_the_short_suffix_works_with_groups_too(write):
    write("model_name: from_group\n", "model/net.yaml")
    path = write("defaults:\n  - model: net\n  - _self_\ngeneral: {seed: 4}\n", "short.yml")
    composed = compose(path, ["general.seed=5"])
    assert composed.data["model"] == {"model_name": "from_group"}
    assert composed.data["general"] == {"seed": 5}
    assert composed.base_dir == path.parent
    assert composed.origins.exact("general").line == 4
    assert composed.origins.exact("model.model_name").file.endswith("net.yaml")


@pytest.mark.parametrize("name", ["with blank.yaml", "a=b,c.yaml", "a@b.yaml", "ümlaut.yaml", "a.b.yaml"])
def test_odd_file_names(write, name):
    assert compose(write("a: 1\n", name), ["a=2"]).data["a"] == 2


def test_another_user_of_hydra_is_left_alone(write, tmp_path):
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    write("x: 1\n", "theirs/own.yaml")
    with initialize_config_dir(config_dir=str(tmp_path / "theirs"), version_base=None):
        compose(write(BASE), ["general.seed=3"])
        assert hydra_compose("own").x == 1
