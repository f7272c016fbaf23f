"""`completion`: the script by which a shell completes commands, options and the ids of runs."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from runtime.paths import ROOT


async def completion(shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="bash, zsh or fish")], /) -> int:
    """Print a script that completes commands, options and the ids of runs in your shell.

    bash:  uv run starter.py completion bash > ~/.quire.bash
           echo 'source ~/.quire.bash' >> ~/.bashrc
    zsh:   uv run starter.py completion zsh > ~/.quire.zsh
           echo 'source ~/.quire.zsh' >> ~/.zshrc
    fish:  uv run starter.py completion fish > ~/.config/fish/conf.d/quire.fish

    Then in a new terminal: uv run starter.py status <Tab>. Load this script after
    uv's own completion, if you use that.
    """
    script = Path(__file__).with_name("shells").joinpath(f"quire.{shell}").read_text("utf-8")
    for placeholder, path in (("@ROOT@", ROOT), ("@PYTHON@", Path(sys.executable))):
        script = script.replace(placeholder, shlex.quote(str(path)))
    print(script, end="")
    return 0
