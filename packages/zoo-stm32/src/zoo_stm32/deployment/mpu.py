"""Own the steps of a deployment to an application processor: copy over scp, compare, launch over ssh.

The host key of the board is always checked; nothing asks for a password. What runs on the board is quoted word by word.
Folders and the launch command are those of the STM32MP projects of ST's model zoo services.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from zoo_core.artifacts import hash_file
from zoo_core.errors import MissingError, UserError, ZooError
from zoo_core.runs.files import write_text
from zoo_stm32.deployment.context import Context, done
from zoo_stm32.deployment.execute import cause, execute
from zoo_stm32.deployment.job import CHECK, LAUNCH, PLACE, VERIFY, Host, StepOutcome
from zoo_stm32.stedgeai.process import Finished

APPLICATION = "Application"
RESOURCES = "Resources"
CLASS_NAMES = "class_names.txt"
LAUNCH_LOG = "zoo_launch.log"
SAFE_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:%-]*")
SAFE_USER = re.compile(r"[A-Za-z_][\w.-]*")
SSH_CAUSES = (
    cause(r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed",
          "the board's host key is another one than before",
          "If the board was installed anew, remove the old key with `ssh-keygen -R ADDRESS`; else do not go on."),
    cause(r"Host key verification failed", "the board's host key is not known",
          "Connect once by hand with ssh, compare the key, and accept it."),
    cause(r"Permission denied", "the board does not accept your key",
          "Copy your key to the board with ssh-copy-id, and try `ssh USER@ADDRESS` by hand."),
    cause(r"timed out|No route to host|Connection refused|Network is unreachable|Could not resolve",
          "the board cannot be reached", "Check deployment.hardware_setup.ip_address, cable and power."),
    cause(r"Connection (?:closed|reset)|Broken pipe|lost connection", "the connection broke",
          "Run again; the steps that ended are kept."),
)  # fmt: skip


def check(context: Context) -> StepOutcome:
    """List everything that lacks in the project, here and on the board, before anything is copied.

    Raises:
        MissingError: With every line at once.
    """
    job = context.job
    lines = [*_project_problems(context)]
    if not job.model.is_file():
        lines.append(f"model: {job.model.absolute()} does not exist")
    if not job.class_names:
        lines.append("model: its metadata names no classes")
    lines += [f"tool: {name}" for name, path in (("ssh", job.tools.ssh), ("scp", job.tools.scp)) if path is None]
    host_lines = _host_problems(job.host)
    lines += host_lines
    if not host_lines and job.tools.ssh is not None:
        try:
            _remote(context, ["true"], what="Reaching the board", log="reach")
        except ZooError as error:
            lines.append(f"board: {error.message.splitlines()[0]} {error.hint or ''}".rstrip())
    if lines:
        title = f"{job.board.name} cannot be deployed to yet; missing:"
        raise MissingError("\n".join([title, *(f"  {line}" for line in lines)]), hint="Nothing was changed.")
    return done(CHECK, f"{job.board.name}: project, tools and board are there")


def place(context: Context) -> StepOutcome:
    """Copy the application, its resources with the names of the classes, and the model to the board."""
    job, host = context.job, _host(context)
    project, scripts = _application(context)
    names = job.folder / RESOURCES / CLASS_NAMES
    write_text(names, "".join(f"{name}\n" for name in job.class_names))
    _remote(context, ["mkdir", "-p", host.path], what="Making the folder on the board", log="mkdir")
    _copy(context, [project / APPLICATION, project / RESOURCES, job.model], host.path, log="copy")
    _copy(context, [names], f"{host.path}/{RESOURCES}/", log="copy_names")
    _copy(context, scripts, f"{host.path}/{APPLICATION}/", log="copy_scripts")
    targets = [f"{host.path}/{APPLICATION}/{script.name}" for script in scripts]
    _remote(context, ["chmod", "+x", *targets], what="Making the scripts executable", log="chmod")
    return done(PLACE, f"{job.model.name} and the application in {host.path}", [names])


def verify(context: Context) -> StepOutcome:
    """Compare the hashes of the model and of the class names on the board with those here.

    Raises:
        ZooError: When a file differs.
    """
    job, host = context.job, _host(context)
    names = job.folder / RESOURCES / CLASS_NAMES
    wanted = {f"{host.path}/{job.model.name}": job.model, f"{host.path}/{RESOURCES}/{CLASS_NAMES}": names}
    finished = _remote(context, ["sha256sum", *wanted], what="Comparing the files on the board", log="verify")
    found = {}
    for line in finished.output.splitlines():
        digest, _, path = line.partition("  ")
        found[path.strip()] = digest.strip()
    for path, local in wanted.items():
        if found.get(path) != hash_file(local):
            raise ZooError(
                f"{path} on the board is not {local}.", hint="Copy again; the board's disk may be full (df -h)."
            )
    return done(VERIFY, f"{len(wanted)} files on the board are equal")


def launch(context: Context) -> StepOutcome:
    """Start the application on the board and see that it keeps running.

    Raises:
        ZooError: When it ends at once, with what it printed.
    """
    host = _host(context)
    _, scripts = _application(context)
    script = next((one for one in scripts if one.name.startswith("launch_")), None)
    if script is None:
        raise MissingError("The project has no launch_*.sh for the board.")
    model = f"{host.path}/{context.job.model.name}"
    command = shlex.join([f"{host.path}/{APPLICATION}/{script.name}", model, host.path])
    log = shlex.quote(f"{host.path}/{LAUNCH_LOG}")
    grace = context.job.limits.launch_grace_s
    line = (
        f"nohup {command} >{log} 2>&1 </dev/null & pid=$!; sleep {grace:g}; "
        f'if kill -0 "$pid" 2>/dev/null; then echo "running $pid"; else tail -n 40 {log}; exit 1; fi'
    )
    finished = _remote_line(context, line, what=f"Launching {script.name}", log="launch")
    process = finished.output.strip().splitlines()[-1]
    context.notes.append(f"The application runs on the board; its output is in {host.path}/{LAUNCH_LOG}.")
    return done(LAUNCH, process)


STEPS: Mapping[str, Callable[[Context], StepOutcome]] = {CHECK: check, PLACE: place, VERIFY: verify, LAUNCH: launch}


def _project_problems(context: Context) -> list[str]:
    folder = context.job.project
    if folder is None:
        return ["C project: deployment.c_project_path is not set"]
    parts = [name for name in (APPLICATION, RESOURCES) if not (folder / name).is_dir()]
    lines = [f"C project: the folder {folder.absolute() / name}" for name in parts]
    if folder.is_dir() and not any(
        one.name.startswith("launch_") for one in _scripts(folder, context.job.board.series)
    ):
        lines.append(f"C project: a script launch_*.sh in {context.job.board.series}/ or {APPLICATION}/")
    return lines


def _scripts(folder: Path, series: str) -> list[Path]:
    """Return the scripts of a series: its own folder goes before the application's."""
    for place_ in (folder / series, folder / APPLICATION / series, folder / APPLICATION):
        found = sorted(place_.glob("*.sh"))
        if found:
            return found
    return []


def _application(context: Context) -> tuple[Path, list[Path]]:
    lines = _project_problems(context)
    folder = context.job.project
    if lines or folder is None:
        raise MissingError("\n".join(["The project for the board is not whole:", *(f"  {line}" for line in lines)]))
    return folder, _scripts(folder, context.job.board.series)


def _host_problems(host: Host | None) -> list[str]:
    if host is None or not host.address:
        return ["board: deployment.hardware_setup.ip_address is not set"]
    lines = []
    if not SAFE_ADDRESS.fullmatch(host.address):
        lines.append(f"board: deployment.hardware_setup.ip_address: {host.address!r} is no address")
    if not SAFE_USER.fullmatch(host.user):
        lines.append(f"board: {host.user!r} is no user name")
    path = PurePosixPath(host.path)
    if not host.path or not path.is_absolute() or ".." in path.parts or "\n" in host.path or len(path.parts) == 1:
        lines.append(f"board: deployment.board_deploy_path: {host.path!r} is no absolute folder")
    return lines


def _host(context: Context) -> Host:
    lines = _host_problems(context.job.host)
    if lines or context.job.host is None:
        raise UserError("\n".join(lines))
    return context.job.host


def _remote(context: Context, words: Sequence[str], *, what: str, log: str) -> Finished:
    return _remote_line(context, shlex.join(words), what=what, log=log)


def _remote_line(context: Context, line: str, *, what: str, log: str) -> Finished:
    """Run one line in the board's shell; every word in it that is not ours was quoted."""
    host, tools, limits = _host(context), context.job.tools, context.job.limits
    if tools.ssh is None:
        raise MissingError("ssh was not found on the PATH.")
    arguments: list[str | Path] = [
        tools.ssh,
        *_options(limits.connect_s),
        "-p",
        str(host.port),
        "--",
        f"{host.user}@{host.address}",
        line,
    ]
    return execute(
        arguments,
        context.logs / f"{log}.log",
        what=what,
        limit_s=limits.connect_s * 2 + limits.launch_grace_s,
        poll_s=limits.poll_s,
        progress=context.progress,
        causes=SSH_CAUSES,
    )


def _copy(context: Context, sources: Sequence[Path], target: str, *, log: str) -> None:
    host, tools, limits = _host(context), context.job.tools, context.job.limits
    if tools.scp is None:
        raise MissingError("scp was not found on the PATH.")
    address = f"[{host.address}]" if ":" in host.address else host.address
    arguments: list[str | Path] = [tools.scp, *_options(limits.connect_s), "-P", str(host.port), "-r", "--"]
    arguments += [source.absolute() for source in sources]
    execute(
        [*arguments, f"{host.user}@{address}:{target}"],
        context.logs / f"{log}.log",
        what=f"Copying {', '.join(source.name for source in sources)}",
        limit_s=limits.copy_s,
        poll_s=limits.poll_s,
        progress=context.progress,
        causes=SSH_CAUSES,
    )


def _options(connect_s: float) -> list[str]:
    timeout = max(1, round(connect_s))
    settings = ("BatchMode=yes", "StrictHostKeyChecking=yes", f"ConnectTimeout={timeout}")
    return [part for setting in settings for part in ("-o", setting)]
