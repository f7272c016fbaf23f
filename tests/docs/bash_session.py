"""One bash, as a reader has it open: what is exported, entered or left running in it stays."""

import os
import secrets
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

BOUND = 100.0


class BashSession:
    """Runs one command after the other; output and errors come together, as on a screen."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._mark = f"--{secrets.token_hex(8)}--"
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, command: str, seconds: float = BOUND) -> tuple[list[str], int]:
        """Run a command; return its output in lines and its exit status, which `$?` has for the next command, too."""
        assert self._bash.stdin is not None and self._bash.stdout is not None
        # a command must not read what is written here for bash
        script = (
            f"{{ {command}\n}} </dev/null; status=$?; printf '\\n%s %d\\n' '{self._mark}' $status; (exit $status)\n"
        )
        self._bash.stdin.write(script.encode())
        self._bash.stdin.flush()
        output_and_status = self._read_until_mark(command, seconds)
        output, _, status = output_and_status.rpartition("\n" + self._mark)
        return output.splitlines(), int(status)

    def _read_until_mark(self, command: str, seconds: float) -> str:
        assert self._bash.stdout is not None
        end, output = time.monotonic() + seconds, b""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._bash.stdout, selectors.EVENT_READ)
            while not (output.endswith(b"\n") and self._mark.encode() in output):
                ready = waiting.select(max(0.0, end - time.monotonic()))
                assert ready, f"`{command}` did not end within {seconds} s; so far: {output.decode(errors='replace')}"
                read = os.read(self._bash.stdout.fileno(), 65536)
                assert read, f"the shell ended at `{command}`: {output.decode(errors='replace')}"
                output += read
        return output.decode(errors="replace").rstrip("\n")

    def close(self) -> None:
        """End the shell and what was started in it and still runs."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._bash.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._bash.wait(2)
            if not _is_group_alive(self._bash.pid):
                break
        self._bash.wait()
        for pipe in (self._bash.stdin, self._bash.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def _is_group_alive(group: int) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True
