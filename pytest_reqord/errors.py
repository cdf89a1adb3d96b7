"""Every error the package raises.

ReqordError
├─ UsageError                 a wrong option, marker or setting
├─ CassetteError              .path
│  ├─ CassetteNotFound
│  ├─ CassetteFormatError     .line .column .reason .remedy
│  └─ CassetteLocked          .holder .waited
├─ PlaybackError              .request .cassette
│  ├─ CassetteMiss            .nearest .commands   (``on_miss = "raise"``)
│  ├─ SequenceMismatchError   .expected .position
│  ├─ CassetteClosed          .owner
│  └─ AmbiguousRequest        .cassettes .thread
├─ NetworkBlocked             .host .port .owner
├─ RedactorError              .redactor .reason
└─ RecordingError
   ├─ WriteFailed             .path, __cause__ is what went wrong
   └─ UnsupportedClient       .client .version

CassetteMissError (a BaseException)   .request .cassette .nearest .commands

Fields come before text: a message is built in ``__str__`` from the fields, so that an error
survives a process boundary (pickle) and a reader of the fields never parses prose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reqord.base.printable import printable, see, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_reqord.base.models import Request

__all__ = [
    "AmbiguousRequest",
    "CassetteClosed",
    "CassetteError",
    "CassetteFormatError",
    "CassetteLocked",
    "CassetteMiss",
    "CassetteMissError",
    "CassetteNotFound",
    "NetworkBlocked",
    "PlaybackError",
    "RecordingError",
    "RedactorError",
    "ReqordError",
    "SequenceMismatchError",
    "UnsupportedClient",
    "UsageError",
    "WriteFailed",
]


def _name(request: Request) -> str:
    return printable(f"{request.method} {request.uri}")


class _Picklable(BaseException):
    """Rebuild from the constructor's own arguments: ``BaseException`` would pass the message."""

    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> _Picklable:
        self = super().__new__(cls, *args)
        self._arguments = (args, kwargs)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), *self._arguments)


def _rebuild(
    cls: type[BaseException], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> BaseException:
    return cls(*args, **kwargs)


class ReqordError(_Picklable, Exception):
    """The base of all errors that are ordinary exceptions."""


class UsageError(ReqordError):
    """An option, marker or setting that can't be used; pytest ends with exit status 4."""


class RedactorError(ReqordError):
    """A redactor that returned what is no interaction.

    :param redactor: its name.
    :param reason: what it returned, and what it has to.
    """

    def __init__(self, redactor: str, reason: str) -> None:
        super().__init__(redactor, reason)
        self.redactor = redactor
        self.reason = reason

    def __str__(self) -> str:
        return f"the redactor {self.redactor} {self.reason}; {see('redaction')}"


class CassetteError(ReqordError):
    """Something about a cassette file.

    :param path: the file, as the user knows it.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class CassetteNotFound(CassetteError):
    """There is no such cassette."""

    def __str__(self) -> str:
        return f"there is no cassette at {self.path}"


class CassetteFormatError(CassetteError):
    """A cassette that can't be read.

    :param path: the file.
    :param line: the line where reading failed, counted from 1; 0 where no line is to blame.
    :param column: the column, counted from 1; 0 where no column is to blame.
    :param reason: what is wrong.
    :param remedy: what the user can do about it.
    """

    def __init__(self, path: str, line: int, column: int, reason: str, remedy: str) -> None:
        super().__init__(path)
        self.line = line
        self.column = column
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        place = self.path
        if self.line:
            place += f", line {self.line}"
        if self.column:
            place += f", column {self.column}"
        return f"{place}: {printable(self.reason)}. {self.remedy}"


class CassetteLocked(CassetteError):
    """Another process holds the cassette's lock.

    :param holder: who holds it, or an empty string where that is not known.
    :param waited: how long we waited, in seconds.
    """

    def __init__(self, path: str, holder: str, waited: float) -> None:
        super().__init__(path)
        self.holder = holder
        self.waited = waited

    def __str__(self) -> str:
        holder = self.holder or "another process"
        return (
            f"{self.path} is locked by {holder}; waited {self.waited:g} s."
            f" End that process, or raise reqord_lock_timeout; {see('settings')}"
        )


class PlaybackError(ReqordError):
    """A request that could not be answered from its cassette.

    :param request: the request, redacted.
    :param cassette: the path of the cassette.
    """

    def __init__(self, request: Request, cassette: str) -> None:
        super().__init__(request, cassette)
        self.request = request
        self.cassette = cassette


class _Miss:
    """What the two kinds of miss share: the text."""

    request: Request
    cassette: str
    nearest: Sequence[str]
    commands: Sequence[str]

    def __str__(self) -> str:
        lines = [f"{_name(self.request)} is not in {shown(self.cassette)}"]
        lines += (f"  {printable(line)}" for line in self.nearest)
        lines += ["", *(f"  {command}" for command in self.commands), f"  {see('miss')}"]
        return "\n".join(lines)


class CassetteMissError(_Miss, _Picklable):
    """Nothing to play and recording isn't allowed.

    A ``BaseException``, as what ``pytest.fail`` raises, so that no retry and no
    ``except Exception`` of the code under test repeats, renames or hides it.

    :param request: the request, redacted.
    :param cassette: the path of the cassette.
    :param nearest: the nearest recorded interactions and what differs, as lines of text.
    :param commands: the shell commands that add the request or start over.
    """

    def __init__(
        self, request: Request, cassette: str, nearest: Sequence[str], commands: Sequence[str]
    ) -> None:
        super().__init__(request, cassette)
        self.request = request
        self.cassette = cassette
        self.nearest = nearest
        self.commands = commands


class CassetteMiss(_Miss, PlaybackError):
    """The same as `CassetteMissError` as an ``Exception``, for ``on_miss = "raise"``."""

    def __init__(
        self, request: Request, cassette: str, nearest: Sequence[str], commands: Sequence[str]
    ) -> None:
        super().__init__(request, cassette)
        self.nearest = nearest
        self.commands = commands


class SequenceMismatchError(PlaybackError):
    """With ``strict_order``: a request that isn't the next one of the recording.

    :param expected: what the recording has at that position, as ``METHOD uri``; empty at its end.
    :param position: the position in the cassette, counted from 0.
    """

    def __init__(self, request: Request, cassette: str, expected: str, position: int) -> None:
        super().__init__(request, cassette)
        self.expected = expected
        self.position = position

    def __str__(self) -> str:
        expected = printable(self.expected or "no further request")
        return (
            f"{_name(self.request)} was sent where {shown(self.cassette)} has {expected}, at position"
            f" {self.position} (strict_order is on). Send the requests in the order of the recording,"
            f" or record the test again: --record-mode=all; {see('matching')}"
        )


class CassetteClosed(PlaybackError):
    """A request that was made after its test had ended.

    :param owner: the test that started the thread, task or process which made the request.
    """

    def __init__(self, request: Request, cassette: str, owner: str) -> None:
        super().__init__(request, cassette)
        self.owner = owner

    def __str__(self) -> str:
        return (
            f"{_name(self.request)} was sent by a thread, task or process"
            f" that {self.owner or 'an earlier test'} started, after that test had ended."
            " Join the thread or process, or await the task, before the test returns. Start what serves"
            f" other tests, too, in a fixture of a wider scope; {see('threads')}"
        )


class AmbiguousRequest(PlaybackError):
    """A request that may belong to any of several cassettes which are open side by side.

    :param cassettes: the paths of the cassettes.
    :param thread: the name of the thread that made it.
    """

    def __init__(self, request: Request, cassettes: Sequence[str], thread: str) -> None:
        super().__init__(request, cassettes[0])
        self.cassettes = cassettes
        self.thread = thread

    def __str__(self) -> str:
        return (
            f"{_name(self.request)} was sent by the thread {self.thread}, while"
            f" {' and '.join(map(shown, self.cassettes))} were open, and nothing tells which of them it"
            " belongs to. Start the thread or task in the test that it works for, hand it the work"
            " through an executor or an event loop, or let the host through with ignore_hosts;"
            f" {see('threads')}"
        )


class NetworkBlocked(ReqordError, RuntimeError):
    """The network guard refused a name look-up or a connection.

    :param host: the host name or address.
    :param port: the port, 0 where none is known.
    :param owner: the test, or an empty string outside of one.
    """

    def __init__(self, host: str, port: int, owner: str) -> None:
        super().__init__(host, port, owner)
        self.host = host
        self.port = port
        self.owner = owner

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = f"{host}:{self.port}" if self.port else self.host
        return (
            f"Network is disabled for host '{self.host}': {self.owner or 'code outside a test'}"
            f" wanted {place}. Allow it with --allowed-hosts={self.host}"
            f" or @pytest.mark.block_network(allowed_hosts=['{self.host}']); {see('network-guard')}"
        )


class RecordingError(ReqordError):
    """Something that could not be recorded."""


class WriteFailed(RecordingError):
    """Entries that could not be written; ``__cause__`` says why. They stay pending.

    :param path: the file they were meant for.
    :param reason: what went wrong, as text.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path} could not be written: {self.reason}"


class UnsupportedClient(RecordingError):
    """A client, or a version of it, that can't be recorded and is not let through unseen.

    :param client: its name.
    :param version: its version, or an empty string.
    :param reason: which part of it is missing or not taken.
    """

    def __init__(self, client: str, version: str, reason: str) -> None:
        super().__init__(client, version, reason)
        self.client = client
        self.version = version
        self.reason = reason

    def __str__(self) -> str:
        client = " ".join(filter(None, (self.client, self.version)))
        return f"{client}: {self.reason}; {see('clients')}"
