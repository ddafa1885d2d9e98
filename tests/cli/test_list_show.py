"""`zoo list` and `zoo show` say what is installed without importing it."""

import pytest

from zoo_core.lazy import LazyRef
from zoo_core.plugins.catalog import Catalog
from zoo_core.plugins.registry import Resolved
from zoo_core.specs import ModelSpec

pytestmark = pytest.mark.usefixtures("small_catalog")


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_list_prints_one_line_per_component(cli) -> None:
    answer = cli("list", "models")
    assert answer.code == 0
    head, first, second = rows(answer.out)
    assert head == ["NAME", "TASK", "INPUT", "PRETRAINED", "SUMMARY", "PLUGIN"]
    assert first == ["counter_net", "counting", "3x224x224", "-", "Small", "network.", "zoo-acme"]
    assert second[:4] == ["other_net", "counting", "3x224x224", "acme"]


@pytest.mark.parametrize("kind", ["models", "model"])
@pytest.mark.parametrize("pattern", ["counter", "counter*", "COUNTER_net", "*ter_*"])
def test_list_takes_a_part_of_a_name_or_a_pattern(cli, kind: str, pattern: str) -> None:
    found = cli("list", kind, pattern, "--json").document["models"]
    assert [entry["name"] for entry in found] == ["counter_net"]


def test_list_without_a_match_says_so_and_is_no_error(cli) -> None:
    answer = cli("list", "models", "zzz")
    assert (answer.code, answer.out) == (0, "")
    assert answer.err == 'note: No model matches "zzz".\n'


def test_list_of_an_unknown_kind_or_use_case_names_the_nearest(cli) -> None:
    assert "Did you mean models?" in cli("list", "modles").err
    answer = cli("list", "models", "--task", "countin")
    assert answer.code == 2
    assert "Did you mean counting" in answer.err


def test_list_of_a_use_case_takes_its_alias(cli) -> None:
    assert len(cli("list", "models", "--task", "object_counting", "--json").document["models"]) == 2


def test_list_json_has_stable_keys(cli) -> None:
    document = cli("list", "targets", "--json").document
    assert document == {
        "schema_version": 1,
        "targets": [
            {
                "kind": "target",
                "name": "acme_board",
                "summary": "Acme evaluation board.",
                "aliases": ["ACME-1"],
                "tags": [],
                "build": "zoo_absent.target:build",
                "abilities": ["benchmark", "infer"],
                "accepts": ["onnx"],
                "sections": {},
                "properties": {},
                "quantization": {
                    "weight_types": ["Int16", "Int4", "Int8", "UInt16", "UInt4", "UInt8"],
                    "activation_types": ["Int16", "Int8", "UInt16", "UInt8"],
                    "float_operators": True,
                    "granularities": ["per_channel", "per_tensor"],
                },
                "examine": None,
                "qualified": "zoo-acme/acme_board",
                "distribution": "zoo-acme",
                "version": "0.3",
            }
        ],
    }


def test_list_shows_clashing_names_with_their_distribution_and_warns(cli, use_catalog) -> None:
    spec = ModelSpec(
        name="twin",
        task="counting",
        summary="Twin.",
        build=LazyRef("a.b:c"),
        config=LazyRef("zoo_core.config.sections:ModelSection"),
    )
    entries = [Resolved(spec=spec, distribution=name, version="1", name="twin") for name in ("zoo-a", "zoo-b")]
    entries[1] = Resolved(
        spec=ModelSpec(name="twin", task="counting", summary="Other.", build=spec.build, config=spec.config),
        distribution="zoo-b",
        version="1",
        name="twin",
    )
    use_catalog(Catalog.assemble(entries))
    answer = cli("list", "models")
    assert [row[0] for row in rows(answer.out)[1:]] == ["zoo-a/twin", "zoo-b/twin"]
    assert "problem" in answer.err
    assert "zoo plugins" in answer.err


def test_list_of_families_only_when_asked(cli, use_catalog, tmp_path, monkeypatch) -> None:
    (tmp_path / "tests_cli_family.py").write_text("def names():\n    return ['resnet_a', 'resnet_b']\n")
    monkeypatch.syspath_prepend(tmp_path)
    use_catalog(
        Catalog.of(
            ModelSpec(
                name="library",
                task="counting",
                summary="All of a library.",
                build=LazyRef("a.b:c"),
                config=LazyRef("zoo_core.config.sections:ModelSection"),
                family=LazyRef("tests_cli_family:names"),
            )
        )
    )
    answer = cli("list", "models", "resnet")
    assert answer.out == ""
    assert "--families" in answer.err
    found = cli("list", "models", "resnet", "--families", "--json").document["models"]
    assert [entry["name"] for entry in found] == ["resnet_a", "resnet_b"]


def test_show_says_where_a_component_comes_from(cli) -> None:
    answer = cli("show", "target", "acme-1")
    assert answer.code == 0
    fields = {line.split("  ")[0].strip(): line.split("  ")[-1].strip() for line in answer.out.splitlines()}
    assert fields["summary"] == "Acme evaluation board."
    assert fields["plugin"] == "zoo-acme 0.3"
    assert fields["abilities"] == "benchmark, infer"
    assert fields["code"] == "zoo_absent.target:build"


def test_show_lists_the_keys_of_the_section(cli) -> None:
    answer = cli("show", "models", "zoo-acme/counter_net")
    assert "Keys of the section model:" in answer.out
    line = next(line for line in answer.out.splitlines() if line.startswith("input_shape "))
    assert "greater than 0" in line
    assert "(channels, height, width)" in line


def test_show_json_holds_spec_and_keys(cli) -> None:
    document = cli("show", "quantizer", "acme_quantizer", "--json").document
    assert set(document) == {"schema_version", "quantizer", "sections"}
    assert document["quantizer"]["qualified"] == "zoo-acme/acme_quantizer"
    keys = {key["name"]: key for key in document["sections"]["quantization"]}
    assert "per_channel, per_tensor" in keys["granularity"]["takes"]
    assert set(keys["target_opset"]) == {"name", "takes", "default", "meaning"}
    assert keys["target_opset"]["default"] == "17"


def test_show_of_an_unknown_name_suggests_the_nearest(cli) -> None:
    answer = cli("show", "model", "counter_nett")
    assert answer.code == 2
    assert 'Unknown model "counter_nett". Did you mean counter_net' in answer.err
