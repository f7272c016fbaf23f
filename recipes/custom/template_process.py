"""A process of its own for templates that may grow without bound: it bounds their memory and their time."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import minijinja

from recipes.custom import template_program

SECONDS = 2.0
"""How long a template may render."""
START_SECONDS = 10.0
"""How much longer the first one may take, in which the process starts."""
TOO_LARGE = f"the template takes more than {template_program.MEMORY_BYTES // 1_000_000} MB of memory"
TOO_SLOW = f"the template takes longer than {SECONDS:.0f} s"


class TemplateFailed(Exception):
    """A template cannot be rendered; the message says why."""


class TemplateProcess:
    """Renders templates, one at a time, in a process that is started when it is needed and again after its end."""

    def __init__(self, fuel: int) -> None:
        self._fuel = fuel
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._common: Mapping[str, Any] | None = None
        """The values that the process has."""

    def run(self, kind: str, template: str, common: Mapping[str, Any], own: Mapping[str, Any]) -> Any:
        """Return a template's text (`render`) or a condition's truth (`test`).

        `common` are the values that many calls share, as the same object; they are sent once. Raises TemplateFailed.
        """
        with self._lock:
            is_new = self._process is None or self._process.poll() is not None
            process = self._start() if is_new or self._process is None else self._process
            task = [kind, template, common if is_new or common is not self._common else None, own]
            self._common = common
            limit = threading.Timer(SECONDS + (START_SECONDS if is_new else 0), process.kill)
            limit.start()
            try:
                line = self._exchange(process, json.dumps(task))
            finally:
                limit.cancel()
            if not line:
                code = process.wait()
                raise TemplateFailed(TOO_SLOW if code == -9 else TOO_LARGE)
        is_done, value = json.loads(line)
        if not is_done:
            raise TemplateFailed(value)
        return value

    def _exchange(self, process: subprocess.Popen[str], task: str) -> str:
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(task + "\n")
            process.stdin.flush()
            return process.stdout.readline()
        except (BrokenPipeError, ValueError):
            return ""

    def _start(self) -> subprocess.Popen[str]:
        """Start the process, without this one's environment: it holds keys."""
        packages = str(Path(minijinja.__file__).parent.parent)
        command = [sys.executable, "-I", "-S", template_program.__file__, packages, str(self._fuel)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            encoding="utf-8", env={}, start_new_session=True,
        )  # fmt: skip
        return self._process
