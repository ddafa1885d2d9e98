"""Own the steps of a deployment to a microcontroller: STM32H7 by its ELF file, STM32N6 by signed images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from zoo_core.errors import MissingError, UserError, ZooError
from zoo_core.runs.files import disk_errors, write_text
from zoo_stm32.deployment.build import build_project, builder_problem
from zoo_stm32.deployment.context import PROGRAMMER_MISSING, Context, done, skipped
from zoo_stm32.deployment.h7_memory import (
    EXTERNAL_SECTION,
    INTERNAL_SECTION,
    MemoryNeed,
    assign_sections,
    find_need,
    memory_header,
    place_in_sections,
    weight_arrays,
)
from zoo_stm32.deployment.image import measure, overflows, stored_pieces
from zoo_stm32.deployment.job import (
    BUILD,
    CHECK,
    FLASH,
    GENERATE,
    H7,
    PLACE,
    SIGN,
    SIZE,
    VERIFY,
    GeneratedCode,
    StepOutcome,
)
from zoo_stm32.deployment.layouts import N6_WEIGHTS
from zoo_stm32.deployment.place import apply, code_copies, header_copies, runtime_copies
from zoo_stm32.deployment.programmer import choose_probe, sign
from zoo_stm32.deployment.project import MEMORY_HEADER, SOURCES, mentions
from zoo_stm32.headers import write_headers
from zoo_stm32.stedgeai import Options

WEIGHTS_FILE = N6_WEIGHTS.replace(".raw", ".bin")
ON_PROBE = (FLASH, VERIFY)


def check(context: Context) -> StepOutcome:
    """List everything that lacks in the project, among the tools and at the probe, before anything is changed.

    Raises:
        MissingError: With every line at once.
    """
    job, planned = context.job, context.planned
    lines: list[str] = []
    if {PLACE, BUILD} & set(planned):
        lines += [f"C project: {line}" for line in context.project.problems]
    if GENERATE in planned and job.generator is None:
        lines.append("tool: ST Edge AI Core (tools.stedgeai.path_to_stedgeai), or tools.stedgeai.on_cloud: True")
    if GENERATE in planned and not job.model.is_file():
        lines.append(f"model: {job.model.absolute()} does not exist")
    if PLACE in planned and job.values is None:
        lines.append("model: its metadata does not say what the application's headers need")
    if PLACE in planned:
        lines += _runtime_problem(context)
    if BUILD in planned and (problem := builder_problem(context.project, job.tools)):
        lines.append(f"tool: {problem}")
    if SIGN in planned and context.layout.flash_address is not None and job.tools.signing is None:
        lines.append("tool: STM32_SigningTool_CLI, which comes with STM32CubeProgrammer")
    if set(ON_PROBE) & set(planned):
        lines += _programmer_problems(context)
    if lines:
        title = f"{job.board.name} cannot be deployed to yet; missing:"
        raise MissingError("\n".join([title, *(f"  {line}" for line in lines)]), hint="Nothing was changed.")
    return done(CHECK, f"{job.board.name}: project, tools and probe are there")


def generate(context: Context) -> StepOutcome:
    """Turn the model into C and write the headers; large networks of STM32H7 are split over the memories."""
    job = context.job
    if job.generator is None or job.values is None:
        raise MissingError("Generating code needs ST Edge AI Core and a model with metadata; run the step check.")
    options = _options(context)
    code = job.generator.generate(job.model, job.board, options, job.folder, context.progress)
    headers = list(write_headers(job.values, job.headers))
    products: dict[str, Path] = {"code": code.folder}
    changed: Mapping[str, Path] = {}
    if job.board.series == H7:
        need = find_need(code.report, job.board, job.application_bytes or context.board_file.application_bytes)
        code = _again_for_memory(context, options, need, code)
        changed, header = _split(context, need, code)
        headers.append(header)
    products |= {f"changed/{name}": path for name, path in changed.items()}
    products |= {f"header/{path.name}": path for path in headers}
    context.state.keep(products)
    context.state.report = code.report
    return done(GENERATE, f"{len(code.files)} files of code, {len(headers)} headers", (*headers, *changed.values()))


def place(context: Context) -> StepOutcome:
    """Put code, headers and runtime library into the documented folders of the project."""
    project, layout = context.project, context.layout
    if project.problems:
        lines = "\n".join(f"  {line}" for line in project.problems)
        raise MissingError(f"The C project {project.folder} lacks:\n{lines}", hint="Nothing was changed.")
    code = context.need("code", GENERATE)
    destinations = context.board_file.destinations
    changed = context.state.products("changed/")
    headers = list(context.state.products("header/").values())
    files = sorted(path for path in code.rglob("*") if path.is_file())
    copies = code_copies(files, changed, project, layout, destinations)
    copies += header_copies(headers, project, destinations)
    copies += runtime_copies(context.job.runtime, project, layout)
    _check_use_of_memory(context)
    written = apply(copies)
    weights = next((copy.target for copy in copies if copy.source.name == N6_WEIGHTS), None)
    if weights is not None:
        context.state.keep({"weights": weights})
    return done(PLACE, f"{len(written)} of {len(copies)} files changed", [copy.target for copy in copies])


def build(context: Context) -> StepOutcome:
    """Build the application."""
    problem = builder_problem(context.project, context.job.tools)
    if problem is not None:
        raise MissingError(f"The project cannot be built; missing: {problem}")
    log = context.logs / "build.log"
    elf = build_project(context.project, context.job.tools, context.job.limits, log, context.progress)
    context.state.keep({"elf": elf})
    return done(BUILD, str(elf), [elf])


def size(context: Context) -> StepOutcome:
    """Measure what the image takes of each memory.

    Raises:
        UserError: When a memory is too small.
    """
    used = measure(context.need("elf", BUILD), context.job.board)
    problems = overflows(used, context.job.board)
    if problems:
        lines = "\n".join(f"  {line}" for line in problems)
        raise UserError(f"The image does not fit {context.job.board.name}:\n{lines}")
    context.state.sizes = used
    return done(SIZE, ", ".join(f"{name} {count:,} bytes" for name, count in used.items()))


def sign_image(context: Context) -> StepOutcome:
    """Sign the image for STM32N6; STM32H7 takes it as it is."""
    if context.layout.flash_address is None:
        return skipped(SIGN, f"{context.job.board.series} takes images without a signature")
    tool = context.job.tools.signing
    if tool is None:
        raise MissingError("STM32_SigningTool_CLI was not found; it comes with STM32CubeProgrammer.")
    binary = context.need("elf", BUILD).with_suffix(".bin")
    if not binary.is_file():
        raise ZooError(
            f"The build made no {binary.name} beside the ELF file.",
            hint="Switch on `Convert to binary file` in the project's post-build outputs.",
        )
    signed = binary.with_name(f"{binary.stem}_signed.bin")
    log = context.logs / "sign.log"
    sign(tool, binary, signed, log=log, limits=context.job.limits, progress=context.progress)
    context.state.keep({"signed": signed})
    return done(SIGN, str(signed), [signed])


def flash(context: Context) -> StepOutcome:
    """Write the application, and on STM32N6 weights and first-stage loader, to the board."""
    programmer = context.programmer
    probe = programmer.choose(context.job.board.name, context.job.serial)
    loader = _loader_path(context)
    if context.layout.flash_address is None:
        elf = context.need("elf", BUILD)
        extload: list[str | Path] = [] if loader is None else ["--extload", loader]
        arguments: list[str | Path] = ["-d", elf, "-s", "-q", *extload]
        programmer.write(probe, arguments, step="application", loader=None, hotplug=False)
        return done(FLASH, f"{elf.name} through probe {probe.serial}")
    for name, file, address in _n6_images(context):
        where = [] if address is None else [f"0x{address:08X}"]
        programmer.write(probe, ["-w", file, *where], step=name, loader=loader, hotplug=True)
    context.notes.append("Move the boot switches to boot from flash and press reset: the application starts then.")
    return done(FLASH, f"application, weights and first-stage loader through probe {probe.serial}")


def verify(context: Context) -> StepOutcome:
    """Read back what was written and compare it byte by byte.

    Raises:
        ZooError: When the board holds something else.
    """
    programmer = context.programmer
    probe = programmer.choose(context.job.board.name, context.job.serial)
    loader = _loader_path(context)
    is_h7 = context.layout.flash_address is None
    back = context.job.folder / "readback.bin"
    total = 0
    try:
        for name, address, data in _expected(context):
            found = programmer.read(probe, address, len(data), back, loader=loader, hotplug=True)
            if found != data:
                first = next(index for index, pair in enumerate(zip(found, data, strict=True)) if pair[0] != pair[1])
                raise ZooError(
                    f"The board does not hold the {name} that was written; it differs at 0x{address + first:08X}.",
                    hint="Flash again; check cable and power if it happens twice.",
                )
            total += len(data)
    finally:
        back.unlink(missing_ok=True)
    if is_h7:  # the loader used the RAM of the running application
        programmer.write(probe, ["-rst"], step="reset", loader=None, hotplug=True)
    return done(VERIFY, f"{total:,} bytes read back, all equal")


STEPS: Mapping[str, Callable[[Context], StepOutcome]] = {
    CHECK: check,
    GENERATE: generate,
    PLACE: place,
    BUILD: build,
    SIZE: size,
    SIGN: sign_image,
    FLASH: flash,
    VERIFY: verify,
}


def _runtime_problem(context: Context) -> list[str]:
    folder = context.project.runtime_folder
    if context.job.runtime is not None or folder is None or next(folder.rglob("*.a"), None) is not None:
        return []
    return [f"C project: the runtime library in {folder} (Middlewares/ST/AI of ST Edge AI Core was not found either)"]


def _programmer_problems(context: Context) -> list[str]:
    job = context.job
    if job.tools.programmer is None:
        return [f"tool: {PROGRAMMER_MISSING}"]
    lines = []
    if context.external_loader and context.programmer.loader(context.external_loader) is None:
        lines.append(f"tool: the external loader {context.external_loader} in ExternalLoader/ beside the programmer")
    try:
        choose_probe(context.programmer.probes(), job.board.name, job.serial)
    except ZooError as error:
        lines.append(f"probe: {error}".replace("\n", " "))
    return lines


def _options(context: Context) -> Options:
    """Complete the options by what the board's file in the project says."""
    options, told = context.job.options, context.board_file
    if context.job.board.npu and options.neural_art_file is None and told.neural_art_file is not None:
        profile = options.neural_art_profile or told.neural_art_profile
        options = replace(options, neural_art_file=told.neural_art_file, neural_art_profile=profile)
    return options


def _again_for_memory(context: Context, options: Options, need: MemoryNeed, code: GeneratedCode) -> GeneratedCode:
    """Generate once more where weights must be split or activations need external RAM."""
    pool = context.project.memory_pool if need.external_ram else None
    if need.external_ram and pool is None:
        raise UserError(
            f"The activations of {code.report.activations:,} bytes exceed {need.internal_ram:,} bytes of internal RAM, "
            "and the project has no memory pool file.",
            hint=f"Put mempools_{context.job.board.name}.json into the project, or take a smaller model.",
        )
    if not need.split_weights and pool is None:
        return code
    wanted = replace(options, split_weights=need.split_weights, memory_pool=pool or options.memory_pool)
    generator = context.job.generator
    if generator is None:
        return code
    return generator.generate(context.job.model, context.job.board, wanted, context.job.folder, context.progress)


def _split(context: Context, need: MemoryNeed, code: GeneratedCode) -> tuple[dict[str, Path], Path]:
    """Write changed copies of the files with weights, and the header that says where everything is."""
    job, values = context.job, context.job.values
    changed: dict[str, Path] = {}
    sections: dict[str, str] = {}
    data = [path for path in code.files if path.name in ("network_data.c", "network_data_params.c")]
    texts = {path: path.read_text(encoding="utf-8") for path in data}
    arrays = [array for text in texts.values() for array in weight_arrays(text)]
    if need.split_weights:
        if not arrays:
            raise ZooError(f"No array of weights was found in the generated code in {code.folder}.")
        sections = assign_sections(arrays, need.internal_flash, need.external_flash)
    else:
        sections = {array.name: INTERNAL_SECTION for array in arrays}
    for path, text in texts.items():
        target = job.folder / "placed" / path.name
        write_text(target, place_in_sections(text, sections))
        changed[path.name] = target
    pixels = (0, 0) if values is None else (values.width, values.height)
    header = job.headers / MEMORY_HEADER
    split = sections if need.split_weights else {}
    write_text(header, memory_header(code.report, need, split, pixels, context.layout.largest_camera))
    return changed, header


def _check_use_of_memory(context: Context) -> None:
    """Refuse to place a network outside of the chip in a project that does not provide for it."""
    header = context.state.products("header/").get(MEMORY_HEADER)
    if header is None:
        return
    text = header.read_text(encoding="utf-8")
    folder = context.project.folder
    lines = []
    if "AI_WEIGHTS_SPLIT (1)" in text and not mentions(folder, EXTERNAL_SECTION, ("*.ld",)):
        lines.append(f"a linker script with the section {EXTERNAL_SECTION} in external flash, for the weights")
    if "AI_ACTIVATIONS_IN_EXTERNAL_RAM (1)" in text and not mentions(folder, MEMORY_HEADER, SOURCES):
        lines.append(
            f"a source file that includes {MEMORY_HEADER} and puts the activations into AI_ACTIVATIONS_SECTION"
        )
    if lines:
        text = "\n".join(f"  {line}" for line in lines)
        raise MissingError(
            f"The network needs memory outside of the chip, and the C project {folder} lacks:\n{text}",
            hint="Nothing was changed in the project. Add these parts, or take a smaller model.",
        )


def _loader_path(context: Context) -> Path | None:
    name = context.external_loader
    found = context.programmer.loader(name)
    if name and found is None:
        raise MissingError(f"The external loader {name} is not in ExternalLoader/ beside the programmer.")
    return found


def _n6_images(context: Context) -> list[tuple[str, Path, int | None]]:
    """Return name, file and address of what STM32N6 gets; a HEX file holds its own addresses."""
    loader = context.project.first_stage_loader
    if loader is None:
        raise MissingError(f"{context.layout.first_stage_loader} is not in the C project {context.project.folder}.")
    signed, weights = context.need("signed", SIGN), context.need("weights", PLACE)
    return [
        ("first_stage_loader", loader, None),
        ("application", signed, context.layout.flash_address),
        ("weights", weights, context.layout.weights_address),
    ]


def _expected(context: Context) -> list[tuple[str, int, bytes]]:
    """Return name, address and bytes of all that the board must hold."""
    if context.layout.flash_address is None:
        pieces = stored_pieces(context.need("elf", BUILD))
        flash_pieces = [piece for piece in pieces if _in_flash(context, piece.address)]
        return [("application", piece.address, piece.data) for piece in flash_pieces]
    with disk_errors(context.job.folder):
        return [
            (name, address, file.read_bytes()) for name, file, address in _n6_images(context) if address is not None
        ]


def _in_flash(context: Context, address: int) -> bool:
    memories = context.job.board.memories
    return any(one.kind == "flash" and one.origin <= address < one.origin + one.size for one in memories)
