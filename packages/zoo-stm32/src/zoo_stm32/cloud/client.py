"""Own the client of the ST Edge AI Developer Cloud, written for ST Edge AI Core 2.x to 4.x on the service."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from getpass import getpass
from pathlib import Path
from typing import Any, Final

from zoo_core.errors import MissingError, ZooError
from zoo_core.protocols import Progress
from zoo_stm32.boards import Board
from zoo_stm32.cloud.catalog import (
    CloudBoard,
    choose_board,
    choose_version,
    list_boards,
    list_versions,
    same_name,
)
from zoo_stm32.cloud.compilation import Compilation, generated_archive, run_tool
from zoo_stm32.cloud.credentials import HOW_TO_LOG_IN, Credentials
from zoo_stm32.cloud.errors import ChangedServiceError, CloudCause, CloudError
from zoo_stm32.cloud.farm import start_benchmark, start_conversion
from zoo_stm32.cloud.files import RemoteModel, download_model, upload
from zoo_stm32.cloud.job_file import JobFile
from zoo_stm32.cloud.jobs import Task, Waiting, fingerprint, finish
from zoo_stm32.cloud.limits import Limits
from zoo_stm32.cloud.parameters import CloudOptions, benchmark_fields, compile_fields, is_processor, needs_nbg
from zoo_stm32.cloud.results import parse_benchmark, parse_processor, parse_run
from zoo_stm32.cloud.routes import Routes
from zoo_stm32.cloud.secret import Secret
from zoo_stm32.cloud.session import Session
from zoo_stm32.cloud.storage import unpack, write_json
from zoo_stm32.reports import ToolReport

BINARY_GRAPH: Final = ".nb"


class CloudClient:
    """Measure models on the boards of the Developer Cloud."""

    def __init__(self, routes: Routes, credentials: Credentials, limits: Limits | None = None) -> None:
        self.routes = routes
        self.limits = limits or Limits()
        self._session = Session(routes, credentials, self.limits)

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, limits: Limits | None = None
    ) -> CloudClient:
        """Return a client for the addresses and the login that the environment names.

        Raises:
            UserError: When an address or a token cannot be used.
            MissingError: When half of a login is set.
        """
        return cls(Routes.from_environment(environment), Credentials.from_environment(environment), limits)

    def check(self) -> tuple[str, ...]:
        """Return why the service cannot serve; empty when it can. Logs nobody in and changes nothing."""
        reasons = []
        lacking = self._session.lacking()
        if lacking is not None:
            reasons.append(lacking)
        try:
            list_versions(self._session, attempts=1, limit=self.limits.check)
        except ZooError as error:
            reasons.append(str(error))
        return tuple(reasons)

    def login(self, *, interactive: bool, ask: Callable[[str], str] = input) -> None:
        """Make sure that there is a login that the service knows; ask for one only where somebody can answer.

        A chain of services passes `interactive=False`. What is asked for is never kept, only the token for it.

        Raises:
            MissingError: When there is no login and nobody to ask.
            LoginRefusedError: When the password is wrong or the account blocked.
            CloudError: When the service cannot be reached.
        """
        lacking = self._session.lacking()
        if lacking is None:
            try:
                self._session.verify()
            except CloudError as error:
                if error.cause is not CloudCause.EXPIRED or not _can_ask(interactive):
                    raise
            else:
                return
        elif not _can_ask(interactive):
            raise MissingError(lacking)
        username, password = _asked(ask)
        self._session.sign_in(username, password)

    def boards(self) -> tuple[CloudBoard, ...]:
        """Return the boards of the service.

        Raises:
            CloudError: When the service does not say.
        """
        return list_boards(self._session)

    def upload(self, model: Path, progress: Progress) -> RemoteModel:
        """Send a model, unless the same content lies on the service already.

        Raises:
            UserError: When the file cannot be read or has no format that the service takes.
            CloudError: When the service does not take it.
        """
        return upload(self._session, model, progress)

    def benchmark(
        self, model: Path, board: Board, options: CloudOptions, state: Path, progress: Progress
    ) -> ToolReport:
        """Measure a model on a board. `state` names the job, so that an interrupted run finds it again.

        The answer of the service is kept beside it, as `<state>_answer.json`. Boards of the STM32MP2 series get the
        model as a network binary graph, which the service makes first.

        Raises:
            UserError: When the board is unknown or the model cannot be read.
            CloudError: When the service or the job fails, or the result has an unknown form.
        """
        offered = self.boards()
        chosen = choose_board(offered, board.name)
        version, note = self._version(board, options)
        remote = self.upload(model, progress)
        jobs = JobFile(state)
        name = remote.name
        if needs_nbg(board) and model.suffix.lower() != BINARY_GRAPH:
            name = self._binary_graph(remote, jobs, progress)
        fields = {**benchmark_fields(board, options, remote.origin), "version": version}
        processor = is_processor(board)
        task = Task(
            kind="benchmark",
            request=fingerprint(chosen.name, name, fields),
            host=self.routes.host,
            start=lambda: start_benchmark(self._session, chosen.name, name, fields, processor=processor),
            waiting=Waiting(
                url=f"{self.routes.benchmark}/benchmark",
                title=f"Benchmark on {chosen.name}",
                limit=self.limits.benchmark,
            ),
        )
        answer = finish(self._session, jobs, task, progress)
        try:
            report = (parse_processor if processor else parse_benchmark)(answer)
            notes = (*self._checked_board(answer, report, chosen, offered), *([note] if note else []))
        except CloudError:
            jobs.forget(task.kind)
            raise
        write_json(state.with_name(f"{state.stem}_answer.json"), answer, "The result of the benchmark")
        return replace(report, notes=(*report.notes, *notes))

    def generate_nbg(self, model: Path, state: Path, progress: Progress, target: Path | None = None) -> str:
        """Turn a model into a network binary graph for STM32MP2, and save it when `target` is given.

        Returns its name on the service.

        Raises:
            UserError: When the model cannot be read or the graph not written.
            CloudError: When the service or the job fails.
        """
        name = self._binary_graph(self.upload(model, progress), JobFile(state), progress)
        if target is not None:
            download_model(self._session, name, target, progress)
        return name

    def analyze(self, model: Path, board: Board, options: CloudOptions, progress: Progress) -> ToolReport:
        """Return the footprint of a model for a board; nothing runs on one.

        Raises:
            UserError: When the model cannot be read or the board has no microcontroller.
            CloudError: When the service fails or the result has an unknown form.
        """
        return self._compiled("analyze", model, board, options, progress)

    def validate(self, model: Path, board: Board, options: CloudOptions, progress: Progress) -> ToolReport:
        """Compare the generated code with the model on random inputs; the metrics stand in `details["validation"]`.

        Raises:
            UserError: When the model cannot be read or the board has no microcontroller.
            CloudError: When the service fails or the result has an unknown form.
        """
        return self._compiled("validate", model, board, options, progress)

    def generate(
        self, model: Path, board: Board, options: CloudOptions, folder: Path, progress: Progress
    ) -> tuple[Path, ...]:
        """Generate C code for a board into a folder, all of it or nothing, and return its files.

        Raises:
            UserError: When the model cannot be read, or there is no room.
            CloudError: When the service fails or the archive is damaged.
        """
        compilation = self._compilation("generate", model, board, options, progress)
        result = run_tool(self._session, compilation, progress)
        return unpack(generated_archive(self._session, result, progress), folder, "The generated code")

    def _compiled(
        self, action: str, model: Path, board: Board, options: CloudOptions, progress: Progress
    ) -> ToolReport:
        compilation = self._compilation(action, model, board, options, progress)
        report = parse_run(run_tool(self._session, compilation, progress))
        return replace(report, notes=(*report.notes, *compilation.notes))

    def _compilation(
        self, action: str, model: Path, board: Board, options: CloudOptions, progress: Progress
    ) -> Compilation:
        fields = compile_fields(board, options, model.name)
        version, note = self._version(board, options)
        remote = self.upload(model, progress)
        return Compilation(
            action=action,
            version=version,
            arguments={**fields, "model": remote.name},
            memory_pool=options.memory_pool,
            notes=(note,) if note else (),
        )

    def _binary_graph(self, remote: RemoteModel, jobs: JobFile, progress: Progress) -> str:
        task = Task(
            kind="conversion",
            request=fingerprint(remote.name),
            host=self.routes.host,
            start=lambda: start_conversion(self._session, remote.name),
            waiting=Waiting(url=f"{self.routes.nbg}/run", title="Conversion for the NPU", limit=self.limits.nbg),
        )
        name = finish(self._session, jobs, task, progress).get("blobName")
        if not isinstance(name, str) or not name:
            raise ChangedServiceError("The Developer Cloud made no network binary graph.")
        return name

    def _version(self, board: Board, options: CloudOptions) -> tuple[str, str | None]:
        platform = "stm32mpu" if is_processor(board) else "stm32"
        return choose_version(list_versions(self._session), options.version, platform)

    def _checked_board(
        self, answer: Mapping[str, Any], report: ToolReport, chosen: CloudBoard, offered: tuple[CloudBoard, ...]
    ) -> tuple[str, ...]:
        """Refuse figures of another board; note a name that the service does not list."""
        found = answer.get("board")
        named = found if isinstance(found, str) and found else report.device
        if not named or same_name(named, chosen.name):
            return ()
        if any(same_name(named, board.name) for board in offered):
            raise CloudError(
                f"The Developer Cloud measured on {named}, not on {chosen.name}. No figure of it was used.",
                cause=CloudCause.SCHEMA,
                hint="Run again.",
            )
        return (f"The service names the board {self._session.shown(named)}.",)


def _can_ask(interactive: bool) -> bool:
    return interactive and sys.stdin.isatty() and sys.stdout.isatty()


def _asked(ask: Callable[[str], str]) -> tuple[str, Secret]:
    try:
        username = ask("my.st.com user name (e-mail): ").strip()
        password = Secret(getpass("Password: "))
    except EOFError:
        username, password = "", Secret("")
    if not username or not password:
        raise MissingError("No login was given.", hint=HOW_TO_LOG_IN)
    return username, password
