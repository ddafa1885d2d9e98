"""The targets that zoo-stm32 declares: every board by the name on its box, and the emulator."""

from zoo_core.plugins import get_catalog
from zoo_stm32.boards import load_boards


def test_every_board_is_a_target_by_its_name_whatever_the_case() -> None:
    targets = get_catalog().targets
    for board in load_boards():
        for name in (board.name, board.name.lower(), board.slug):
            assert targets.resolve(name).spec.name == board.slug


def test_every_target_can_be_built_and_says_whether_it_is_ready() -> None:
    from zoo_core.config.sections import RunConfig

    config = RunConfig.model_construct(tools=None, benchmarking=None, deployment=None)
    for entry in get_catalog().targets.entries():
        if entry.distribution == "zoo-stm32":
            problems = entry.spec.build.load()(config).check("benchmark")
            assert bool(problems) == ("needs ST's tools" in entry.spec.summary)
            assert all("application processor" in text for text in problems)


def test_summaries_fit_a_line() -> None:
    summaries = [entry.spec.summary for entry in get_catalog().targets.entries()]
    assert max(map(len, summaries)) <= 120
    assert any("Cortex-M55 at 800 MHz and Neural-ART" in text for text in summaries)
