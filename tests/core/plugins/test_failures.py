"""Check every way in which a plugin can fail: what is recorded, what the user reads, and that others go on."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoo_core import MissingError, PluginError, UserError
from zoo_core.errors import EXIT_INTERNAL, EXIT_MISSING, EXIT_USER
from zoo_core.plugins import PluginSelection, build_catalog
from zoo_core.testing.isolation import run_isolated, write_plugin


def test_unknown_name_suggests_the_nearest_and_says_where_to_look(site, model_plugin):
    site.add("zoo-acme", model_plugin("yolox_nano", "resnet8"))
    with pytest.raises(UserError) as caught:
        site.catalog().models.get("yolox_nanoo")
    first, second, *_ = str(caught.value).splitlines()
    assert first == 'Unknown model "yolox_nanoo". Did you mean yolox_nano?'
    assert second == "See: zoo list models"
    assert caught.value.exit_code == EXIT_USER


def test_name_clash_is_an_error_only_on_use_and_lists_both_providers(site, model_plugin):
    site.add("zoo-acme", model_plugin("osnet", "acme_net"), version="0.3")
    site.add("zoo-other", model_plugin("osnet", "other_net", task="counting"), version="1.2")
    catalog = site.catalog()
    with pytest.raises(UserError) as caught:
        catalog.models.get("osnet")
    assert caught.value.exit_code == EXIT_USER
    assert caught.value.message == 'Model "osnet" is provided by zoo-acme 0.3 and zoo-other 1.2.'
    assert "zoo-acme/osnet" in str(caught.value.hint)
    assert "--plugins zoo-acme" in str(caught.value.hint)
    assert not [problem for problem in catalog.problems if "osnet" in problem]  # use cases may share names
    assert catalog.models.get("other_net").task == "counting"
    assert catalog.models.resolve("zoo-other/osnet").version == "1.2"
    assert catalog.models.resolve("zoo-acme/osnet").version == "0.3"
    assert {report.status for report in catalog.reports if report.name in {"acme", "other"}} == {"ok"}


def test_name_clash_within_a_use_case_is_a_problem_of_the_installation(site, model_plugin):
    source = model_plugin("osnet")
    site.add("zoo-acme", source, version="0.3")
    site.add("zoo-other", source.replace("def zoo_tasks", "def _no_tasks").replace("@hookimpl\n", "", 1), version="1.2")
    (problem,) = [problem for problem in site.catalog().problems if "osnet" in problem]
    assert problem.startswith('Model "osnet" is provided by zoo-acme 0.3 and zoo-other 1.2.')


def test_clash_is_over_when_only_one_of_the_plugins_is_loaded(site, model_plugin):
    site.add("zoo-acme", model_plugin("osnet"))
    site.add("zoo-other", model_plugin("osnet", task="counting"))
    catalog = site.catalog(only=("zoo-other",))
    assert catalog.models.get("osnet").task == "counting"
    assert catalog.problems == ()


def test_entry_point_name_declared_twice_keeps_both_under_distribution_names(site, model_plugin):
    site.add("zoo-acme", model_plugin("acme_net"), entry="acme")
    site.add("acme-zoo", model_plugin("zoo_net", task="counting"), entry="acme")
    catalog = site.catalog()
    assert {"zoo-acme", "acme-zoo"} <= {report.name for report in catalog.reports}
    assert {"acme_net", "zoo_net"} <= set(catalog.models.names())
    assert any('Entry point "acme" is declared by acme-zoo and zoo-acme' in problem for problem in catalog.problems)


def test_plugin_that_cannot_be_imported_is_recorded_with_its_traceback_and_others_go_on(site, model_plugin):
    site.add("zoo-acme", "import acme_ops\n")
    site.add("zoo-other", model_plugin("other_net"))
    catalog = site.catalog()
    report = catalog.plugin("acme")
    assert report.status == "broken"
    assert report.cause == "ModuleNotFoundError: No module named 'acme_ops'"
    assert "import acme_ops" in str(report.traceback)
    sentence = (
        "Plugin zoo-acme 0.3 could not be loaded (ModuleNotFoundError: No module named 'acme_ops'). "
        "zoo doctor zoo-acme shows the traceback"
    )
    assert sentence in catalog.problems
    assert catalog.models.get("other_net").name == "other_net"
    with pytest.raises(UserError) as caught:
        catalog.models.get("acme_net")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("class E(Exception):\n    def __str__(self):\n        raise ValueError\nraise E\n", "E: (its text"),
        ("import zoo_core\nzoo_core.nothing\n", "AttributeError"),
    ],
)
def test_any_failure_of_an_import_is_recorded(site, source, cause):
    site.add("zoo-acme", source)
    report = site.catalog().plugin("zoo-acme")
    assert report.status == "broken"
    assert str(report.cause).startswith(cause)


def test_interruption_by_the_user_is_not_taken_for_a_failure(site):
    site.add("zoo-acme", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        site.catalog()


def test_entry_point_of_illegal_form_is_recorded(site):
    module = site.add("zoo-acme", "")
    entry_points = site.folder / "zoo_acme-0.3.dist-info" / "entry_points.txt"
    entry_points.write_text(f"[zoo]\nacme = {module} and more\n")
    assert site.catalog().plugin("acme").status == "broken"


def test_heavy_plugin_is_named_with_its_time(tmp_path, model_plugin):
    # A fresh interpreter: here torch may have been loaded by another test.
    (tmp_path / "torch.py").write_text("")
    source = model_plugin("acme_net", extra="import torch")
    write_plugin(tmp_path, "zoo-acme", "0.3", "acme", source)
    code = """
        from zoo_core.plugins import PluginSelection, get_catalog
        catalog = get_catalog(PluginSelection(only=("zoo-acme",)))
        print(catalog.plugin("zoo-acme").heavy_modules, catalog.models.names())
        print(*catalog.problems, sep="\\n")
    """
    done = run_isolated(code, paths=[tmp_path])
    first, second = done.stdout.splitlines()
    assert first == "('torch',) ('acme_net',)"
    assert second.startswith("zoo_acme.plugin imports torch (0.")
    assert second.endswith(" s); move it behind LazyRef")


def test_misspelt_hook_makes_the_plugin_broken_with_a_suggestion(site, model_plugin):
    site.add("zoo-acme", model_plugin("acme_net").replace("def zoo_models", "def zoo_modles"))
    site.add("zoo-other", model_plugin("other_net", task="counting"))
    catalog = site.catalog()
    report = catalog.plugin("zoo-acme")
    assert report.status == "broken"
    assert report.cause == "Plugin zoo-acme defines zoo_modles, which is not a zoo hook. Did you mean zoo_models?"
    assert report.cause in catalog.problems
    assert catalog.models.names() == ("other_net",)


def test_hook_with_unknown_arguments_makes_the_plugin_broken(site):
    source = """
        from zoo_core import hookimpl

        @hookimpl
        def zoo_models(task, size): ...

        @hookimpl
        def zoo_after_stage(stage, outcome): ...
    """
    site.add("zoo-acme", source)
    report = site.catalog().plugin("zoo-acme")
    assert report.status == "broken"
    assert "zoo_models with unknown arguments task, size. The hook passes no arguments." in str(report.problems)
    assert "unknown argument outcome. The hook passes stage, result, run_dir, config." in str(report.problems)


def test_bad_spec_is_dropped_alone(site, model_plugin):
    site.add("zoo-acme", model_plugin("first_net", "Acme Net", "last_net"))
    catalog = site.catalog()
    assert catalog.models.names() == ("first_net", "last_net")
    assert 'zoo-acme: model name "Acme Net" is not [a-z0-9_]' in catalog.problems
    assert catalog.plugin("zoo-acme").status == "ok"
    assert catalog.plugin("zoo-acme").provides == {"tasks": ("sorting",), "models": ("first_net", "last_net")}


def test_hook_that_fails_midway_keeps_what_came_before(site, model_plugin):
    source = model_plugin("first_net") + '    yield ModelSpec(name="second_net")\n'
    site.add("zoo-acme", source)
    catalog = site.catalog()
    report = catalog.plugin("zoo-acme")
    assert catalog.models.names() == ("first_net",)
    assert catalog.tasks.names() == ("sorting",)
    assert report.status == "broken"
    assert "zoo_models failed (TypeError" in str(report.cause)
    assert "after 1 spec; what follows is missing" in str(report.cause)
    assert "second_net" in str(report.traceback)


def test_missing_extra_names_the_component_and_what_to_install(site):
    source = """
        from zoo_core import DatasetSpec, LazyRef, hookimpl

        @hookimpl
        def zoo_datasets():
            yield DatasetSpec(
                name="coco_parts", task="sorting", summary="Parts.", config=LazyRef("zoo_acme.data:Section"),
                build=LazyRef("zoo_acme.data:build", extra="zoo-acme[coco]"),
            )
    """
    site.add("zoo-acme", source, data="import pycocotools_that_is_absent\n")
    found = site.catalog().datasets.resolve("coco_parts")
    with pytest.raises(MissingError) as caught:
        found.build()
    assert caught.value.exit_code == EXIT_MISSING
    assert str(caught.value) == (
        'Dataset "coco_parts" needs pycocotools_that_is_absent, which is not installed.\n'
        'Install: pip install "zoo-acme[coco]"'
    )


@pytest.mark.parametrize("place", ["import", "build"])
def test_other_failure_of_plugin_code_names_plugin_and_version_first(site, model_plugin, place):
    body = "1 / 0\n" if place == "import" else "def build(size):\n    return 1 / size\n"
    source = model_plugin("acme_net").replace("builders:build", "zoo_acme.model:build")
    site.add("zoo-acme", source, model=body)
    found = site.catalog().models.resolve("acme_net")
    with pytest.raises(PluginError) as caught:
        found.build(0)
    assert caught.value.exit_code == EXIT_INTERNAL
    assert caught.value.message.startswith(f"zoo-acme 0.3 failed in {place} of ")
    assert caught.value.message.endswith("model acme_net: ZeroDivisionError: division by zero")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(("api", "cure"), [("0", "Update zoo-acme."), ("2", "Update zoo-core."), ("'1'", "Update")])
def test_plugin_of_another_api_version_is_recorded_and_left_out(site, model_plugin, api, cure):
    site.add("zoo-acme", model_plugin("acme_net", extra=f"zoo_api = {api}"))
    catalog = site.catalog()
    report = catalog.plugin("zoo-acme")
    assert report.status == "broken"
    assert report.cause == f"zoo-acme was written for plugin API {api.strip(chr(39))}, this is 1"
    assert cure in catalog.problems[0]
    assert "acme_net" not in catalog.models


def test_plugin_without_a_stated_api_version_is_loaded(site, model_plugin):
    site.add("zoo-acme", model_plugin("acme_net"))
    assert site.catalog().problems == ()


def test_what_a_plugin_prints_goes_to_stderr(tmp_path, model_plugin):
    source = model_plugin("acme_net", extra="print('at import')").replace(
        "def zoo_models():\n", "def zoo_models():\n    print('in hook')\n"
    )
    write_plugin(tmp_path, "zoo-acme", "0.3", "acme", source)
    code = "from zoo_core.plugins import get_catalog; print('acme_net' in get_catalog().models)"
    done = run_isolated(code, paths=[tmp_path])
    assert done.stdout == "True\n"
    assert done.stderr.splitlines() == ["at import", "in hook"]


@pytest.mark.parametrize(("attribute", "status"), [("trap", "ok"), ("zoo_models", "broken")])
def test_attribute_that_fails_matters_only_when_it_is_a_hook(site, attribute, status):
    source = f"""
        class Plugin:
            @property
            def {attribute}(self):
                raise RuntimeError("not now")

        plugin = Plugin()
    """
    site.add("zoo-acme", source)
    (site.folder / "zoo_acme-0.3.dist-info" / "entry_points.txt").write_text("[zoo]\nacme = zoo_acme.plugin:plugin\n")
    report = site.catalog().plugin("zoo-acme")
    assert report.status == status
    assert report.cause == ("RuntimeError: not now" if status == "broken" else None)


def test_plugin_may_be_an_object_of_a_module(site, model_plugin):
    source = model_plugin("acme_net") + "\nimport sys\nplugin = sys.modules[__name__]\n"
    site.add("zoo-acme", source)
    (site.folder / "zoo_acme-0.3.dist-info" / "entry_points.txt").write_text("[zoo]\nacme = zoo_acme.plugin:plugin\n")
    assert "acme_net" in site.catalog().models


def test_two_entry_points_for_one_module_load_it_once(site, model_plugin):
    module = site.add("zoo-acme", model_plugin("acme_net"))
    entry_points = site.folder / "zoo_acme-0.3.dist-info" / "entry_points.txt"
    entry_points.write_text(f"[zoo]\nfirst = {module}\nsecond = {module}\n")
    catalog = site.catalog()
    assert catalog.models.resolve("acme_net").distribution == "zoo-acme"
    assert catalog.plugin("first").status == "ok"
    assert catalog.plugin("second").cause == "zoo_acme.plugin is loaded already, as plugin first"


def test_two_plugins_of_one_distribution_keep_the_first_of_a_name(site, model_plugin):
    module = site.add(
        "zoo-acme", model_plugin("acme_net"), second=model_plugin("acme_net", "more_net", task="counting")
    )
    entry_points = site.folder / "zoo_acme-0.3.dist-info" / "entry_points.txt"
    entry_points.write_text(f"[zoo]\na = {module}\nb = zoo_acme.second\n")
    catalog = site.catalog()
    assert catalog.models.get("acme_net").task == "sorting"
    assert catalog.models.get("more_net").task == "counting"
    assert "zoo-acme: model acme_net is declared twice; the second is left out" in catalog.problems


def test_damaged_metadata_of_a_distribution_is_no_reason_to_stop(site, model_plugin):
    site.add("zoo-acme", model_plugin("acme_net"))
    (site.folder / "zoo_acme-0.3.dist-info" / "METADATA").unlink()
    catalog = site.catalog(only=("acme",))
    assert catalog.plugin("acme").status == "ok"
    assert catalog.models.get("acme_net").name == "acme_net"


def test_environment_of_the_process_is_unchanged_by_a_failing_plugin(site):
    site.add("zoo-acme", "print('x')\nraise ValueError('y')\n")
    stdout, cwd = sys.stdout, Path.cwd()
    site.catalog()
    assert sys.stdout is stdout
    assert Path.cwd() == cwd


FAULTS = {
    "import": "import a_module_that_is_absent\n",
    "exit": "raise SystemExit\n",
    "syntax": "def (:\n",
    "hook": "from zoo_core import hookimpl\n@hookimpl\ndef zoo_nothing(): ...\n",
    "argument": "from zoo_core import hookimpl\n@hookimpl\ndef zoo_models(x): ...\n",
    "wrapper": "from zoo_core import hookimpl\n@hookimpl(wrapper=True)\ndef zoo_models():\n    yield\n    return []\n",
    "unmarked": "def zoo_models(): ...\n",
    "raises": "from zoo_core import hookimpl\n@hookimpl\ndef zoo_models():\n    raise ValueError\n",
    "type": "from zoo_core import hookimpl\n@hookimpl\ndef zoo_models():\n    return 5\n",
    "api": "zoo_api = 99\n",
}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=6))
def test_any_mixture_of_broken_plugins_leaves_the_sound_ones_whole(tmp_path_factory, model_plugin, kinds):
    folder = tmp_path_factory.mktemp("site")
    prefix = folder.name.replace("-", "_")
    for index, kind in enumerate(kinds):
        write_plugin(folder, f"zoo-{prefix}-bad{index}", "1", f"bad{index}", FAULTS[kind])
    write_plugin(folder, f"zoo-{prefix}-good", "1", "good", model_plugin("good_net"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        names = tuple(f"zoo-{prefix}-bad{index}" for index in range(len(kinds)))
        catalog = build_catalog(PluginSelection(only=(*names, f"zoo-{prefix}-good")))
    assert catalog.models.names() == ("good_net",)
    assert catalog.plugin(f"zoo-{prefix}-good").status == "ok"
    for name in names:
        report = catalog.plugin(name)
        assert report.status == "broken"
        assert report.cause
        assert any(name in problem for problem in catalog.problems)
