"""Every command and every code block of README, CONTRIBUTING and docs does what the page says.

Blocks of one page run in order in one folder. A comment above a block says how: `<!-- file: NAME -->` writes it to a
file, `<!-- exit: N -->` expects another exit code than 0, `<!-- slow -->` leaves it to the slow tests,
`<!-- numbers -->` lets every number of the output be another one, and `<!-- images: FOLDER CLASS CLASS ... -->` draws
the images that the block speaks of. Three dots stand for any text, and spaces are all alike.
"""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"(?P<marks>(?:^<!-- .*? -->\n)*)^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
MARK = re.compile(r"<!-- (?P<name>file|exit|slow|numbers|images)(?:: (?P<value>.*?))? -->")
GENERATED = re.compile(r"<!-- generated: .*?<!-- end -->", re.DOTALL)
COMPARED = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SHOWN_ONLY = {"text"}
"""Languages of blocks that are neither code nor commands: trees and drawings."""
STILL = re.compile(r"^(.*): still running, ", re.MULTILINE)
"""Sign of life of a step, which a slow machine adds to any command."""
LIMIT_SECONDS = 500


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    line: int
    file: str | None
    exit_code: int
    slow: bool
    any_numbers: bool
    images: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    words: list[str]
    expected: str


@dataclass(frozen=True)
class Printed:
    """Hold what a command printed; a page shows all of it, or only what goes to standard output."""

    stdout: str = ""
    stderr: str = ""

    @property
    def all(self) -> str:
        return self.stderr + self.stdout


def read_blocks(text: str) -> Iterator[Block]:
    for found in BLOCK.finditer(GENERATED.sub(lambda part: "\n" * part[0].count("\n"), text)):
        marks = {mark["name"]: mark["value"] for mark in MARK.finditer(found["marks"])}
        yield Block(
            language=found["language"],
            text=found["text"],
            line=text.count("\n", 0, found.start("text")),
            file=marks.get("file"),
            exit_code=int(marks.get("exit", 0)),
            slow="slow" in marks,
            any_numbers="numbers" in marks,
            images=tuple((marks.get("images") or "").split()),
        )


def read_commands(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield Command(shlex.split(command), expected)


def prints(expected: str, printed: str, *, any_numbers: bool) -> bool:
    # Dots at the beginning stand for nothing too; the space after them would not.
    texts = [re.sub(r"^\.\.\.\s+", "...", expected.strip()), printed.strip()]
    if any_numbers:
        texts = [re.sub(r"(?<![A-Za-z\d])[+-]?\d+(\.\d+)?", "0", text) for text in texts]
    return doctest.OutputChecker().check_output(*texts, COMPARED)


class Folder:
    """Run the blocks of one page in a folder that holds the examples and nothing else."""

    def __init__(self, path: Path) -> None:
        self.path = self.here = path
        self.site = path / "site-packages"
        shutil.copytree(ROOT / "examples", path / "examples")

    def run(self, block: Block) -> None:
        if block.images:
            draw_images(self.path / block.images[0], block.images[1:])
        if block.file is not None:
            target = self.path / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            for command in read_commands(block.text):
                self.run_command(command, block)
        elif block.language == "python":
            self.execute([sys.executable, "-c", block.text], block)
        check_syntax(block)

    def run_command(self, command: Command, block: Block) -> None:
        match command.words:
            case ["zoo", *arguments]:
                printed = self.execute([sys.executable, "-m", "zoo_core", *arguments], block)
            case ["cd", folder]:
                self.here = self.here / folder
                printed = Printed()
            case ["pytest", *arguments]:
                printed = self.execute([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments], block)
            case ["python", *arguments]:
                printed = self.execute([sys.executable, *arguments], block)
            case ["make", *arguments]:
                printed = self.make(arguments, block)
            case ["pip", "install", folder]:
                printed = self.install(folder)
            case _:
                pytest.fail(f"line {block.line}: no test knows how to run {shlex.join(command.words)}")
        if command.expected.strip():
            texts = (printed.all, printed.stdout)
            same = any(prints(command.expected, text, any_numbers=block.any_numbers) for text in texts)
            assert same, f"line {block.line}: {shlex.join(command.words)}\n{command.expected}\ngot:\n{printed.all}"

    def make(self, arguments: list[str], block: Block) -> Printed:
        """Run a make target; one that would install or test everything is only looked at.

        `make test` cannot run inside itself, and `make demo` runs without the installation around it.
        """
        if arguments == ["demo"]:
            return self.execute([sys.executable, "-m", "zoo_core", "run", "examples/digits_chain_tqeb.yaml"], block)
        dry = [] if arguments == ["help"] else ["--dry-run"]
        return self.execute(["make", *dry, "--directory", str(ROOT), "--no-print-directory", *arguments], block)

    def install(self, folder: str) -> Printed:
        """Build the distribution as pip does, and put it where only this page's commands see it."""
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(self.path / "wheels")]
        subprocess.run(build, cwd=self.path / folder, check=True, capture_output=True, timeout=LIMIT_SECONDS)
        for wheel in (self.path / "wheels").glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(self.site)
        return Printed()

    def execute(self, command: list[str], block: Block) -> Printed:
        environment = {**os.environ, "PYTHONPATH": str(self.site), "MAKEFLAGS": ""}
        done = subprocess.run(
            command,
            cwd=self.here,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=LIMIT_SECONDS,
            check=False,
        )
        assert done.returncode == block.exit_code, f"line {block.line}: {command}\n{done.stdout}\n{done.stderr}"
        return Printed(done.stdout, without_waiting(done.stderr))


def without_waiting(text: str) -> str:
    """Leave out what is said of steps that took long enough to say so."""
    for step in set(STILL.findall(text)):
        text = re.sub(rf"^{re.escape(step)}: .*\n", "", text, flags=re.MULTILINE)
    return text


def draw_images(folder: Path, class_names: tuple[str, ...], count: int = 20) -> None:
    """Draw noisy pictures, each class with a colour of its own."""
    noise = np.random.default_rng(0)
    for number, name in enumerate(class_names):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = noise.integers(0, 128, (48, 64, 3), dtype=np.uint8)
            pixels[..., number % 3] += 100
            Image.fromarray(pixels).save(folder / name / f"{index + 1}.jpg")


def check_syntax(block: Block) -> None:
    match block.language:
        case "yaml":
            yaml.safe_load(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "python":
            compile(block.text, f"line {block.line}", "exec")
        case language:
            assert language in {"console", *SHOWN_ONLY}, f"line {block.line}: no test knows the language {language!r}"


def run_page(page: Path, folder: Path, *, slow: bool) -> None:
    sandbox = Folder(folder)
    for block in read_blocks(page.read_text(encoding="utf-8")):
        if slow or not block.slow:
            sandbox.run(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_quick_blocks_of_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    run_page(page, tmp_path, slow=False)


SLOW_PAGES = [page for page in PAGES if "\n<!-- slow -->\n" in page.read_text(encoding="utf-8")]


@pytest.mark.slow
@pytest.mark.parametrize("page", SLOW_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_all_blocks_of_page_do_what_it_says(page: Path, tmp_path: Path) -> None:
    run_page(page, tmp_path, slow=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_drawings_hold_no_commands(page: Path) -> None:
    drawings = [block for block in read_blocks(page.read_text(encoding="utf-8")) if block.language in SHOWN_ONLY]
    assert [
        block.line for block in drawings if re.search(r"^(\$|make|zoo|pip|python) ", block.text, re.MULTILINE)
    ] == []


def test_dots_stand_for_any_text_and_for_none() -> None:
    assert prints("...\na  b\n...\nc\n", "a b\nx\nc\n", any_numbers=False)
    assert prints("...\na b\n", "x\n\na b\n", any_numbers=False)
    assert not prints("...\na b\n", "x\n\na c\n", any_numbers=False)


def test_only_marked_blocks_may_print_other_numbers() -> None:
    assert prints("top1  99.4 %\n", "top1 97.25 %\n", any_numbers=True)
    assert not prints("top1  99.4 %\n", "top1 97.25 %\n", any_numbers=False)
    assert not prints("top1  99.4 %\n", "top5 99.4 %\n", any_numbers=True)


def test_block_with_another_output_or_exit_code_is_noticed(tmp_path: Path) -> None:
    sandbox = Folder(tmp_path)
    for text in ("```console\n$ make help\nno such target\n```\n", "<!-- exit: 2 -->\n```python\nprint(1)\n```\n"):
        (block,) = read_blocks(text)
        with pytest.raises(AssertionError):
            sandbox.run(block)


def test_signs_of_life_are_left_out_with_the_end_of_their_step() -> None:
    text = "Reading: still running, 2.0 s so far\nnote: a\nReading: 12 s\nDrawing: 3 s\nother Reading: 1 s\n"
    assert without_waiting(text) == "note: a\nDrawing: 3 s\nother Reading: 1 s\n"
