"""The command line itself, and the arguments that several commands take."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

app = App(name="starter.py", help="Make a big structured artifact with a language model, durably.", version_flags=[])

Json = Annotated[bool, Parameter(name="--json", negative=(), help="print JSON and nothing else")]
Overrides = Annotated[list[str] | None, Parameter(name="--set", negative=(), help="override a field: target=10")]
Target = Annotated[Path, Parameter(help="the request, YAML or JSON")]
Id = Annotated[str, Parameter(help="the run's workflow id")]
