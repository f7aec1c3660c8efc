"""Control: how another process on this machine speaks to the running daemon.

One request a connection, a JSON object on a line, over a Unix socket that only the gateway's user can open;
one JSON object comes back. What can be asked is what `gateway.operations` marks so.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from gateway.errors import ConfigError, DaemonUnavailable, GatewayError
from gateway.operations import Answered, NotUnderstood, asked, name_of, result_of

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_LONGEST_LINE = 64 * 1024
_TIMEOUT_S = 30.0

log = logging.getLogger(__name__)


class ControlServer:
    """Answers commands while the daemon runs, each in a thread of its own."""

    def __init__(self, path: Path, operations: Mapping[str, Answered]) -> None:
        """Raises ConfigError when there can be no socket at `path`."""
        path.unlink(missing_ok=True)  # what a killed daemon left
        self._path = path
        before = os.umask(0o177)
        try:
            self._server = _Server(str(path), operations)
        except OSError as error:
            raise ConfigError(f"commands cannot reach the gateway at {path}: {error}") from None
        finally:
            os.umask(before)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="control")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


def ask(
    path: Path,
    operation: Callable[Concatenate[Any, Parameters], Result],
    *_: Parameters.args,
    **facts: Parameters.kwargs,
) -> Result:
    """Ask the running daemon to carry out an operation, as Sharing.withdraw, with these arguments.

    Raises DaemonUnavailable, or GatewayError with the daemon's sentence.
    """
    request = json.dumps({"operation": name_of(operation), "facts": asked(facts)}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(str(path))
            connection.sendall(request)
            with connection.makefile("rb") as answers:
                answer = json.loads(answers.readline())
    except (FileNotFoundError, ConnectionRefusedError):
        raise DaemonUnavailable("the gateway is not running (or uses another data folder)") from None
    except PermissionError:
        raise DaemonUnavailable("only the gateway's own user may do this: try it with sudo") from None
    except (OSError, ValueError):
        raise DaemonUnavailable("the gateway does not answer") from None
    if "error" in answer:
        raise GatewayError(answer["error"])
    found: Result = result_of(operation, answer["result"])
    return found


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, operations: Mapping[str, Answered]) -> None:
        self.operations = operations
        super().__init__(path, _Request)


class _Request(socketserver.StreamRequestHandler):
    timeout = _TIMEOUT_S
    server: _Server

    def handle(self) -> None:
        try:
            request = json.loads(self.rfile.readline(_LONGEST_LINE))
            operation = self.server.operations[request["operation"]]
        except (OSError, ValueError, KeyError, TypeError):
            answer: dict[str, Any] = {"error": "the gateway does not know this request"}
        else:
            answer = self._answer(operation, request.get("facts", {}))
        # Who asked may have hung up meanwhile: what was asked for is done all the same.
        with suppress(OSError):
            self.wfile.write(json.dumps(answer).encode() + b"\n")

    def _answer(self, operation: Answered, facts: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"result": operation(facts)}
        except GatewayError as error:
            return {"error": str(error)}
        except NotUnderstood:
            return {"error": "the gateway does not know this request"}
        except Exception:
            log.exception("a command failed")
            return {"error": "the gateway could not do this: its log says why"}
