"""The command table says what the functions say: names, docstrings, arguments and options."""

import importlib
import inspect
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from cyclopts import App

from runtime.cli.app import build_command_line
from runtime.cli.command_table import COMMANDS
from runtime.cli.shell_completion import parse_usage


def resolve_command(name: str) -> App:
    """Return a command's app from the command line."""
    words = name.split()
    path, apps, _ = build_command_line().parse_commands(words)
    assert list(path) == words
    return apps[-1]


def collapse(text: str | None) -> str:
    """Return a text without its line breaks."""
    return " ".join((text or "").split())


def describe_kind(argument: Any) -> str:
    """Return the kind of an argument's value as the table writes it; run ids are plain text to the type system."""
    hint = argument.hint
    types = {hint, *get_args(hint)}
    types |= {entry for part in types for entry in get_args(part)}  # of a list
    if get_origin(hint) is Literal:
        return "|".join(get_args(hint))
    return "FILE" if Path in types else "TEXT"


@pytest.mark.parametrize("name", COMMANDS)
def test_table_names_the_function_and_repeats_its_docstring(name):
    module, _, attribute = COMMANDS[name].target.partition(":")
    target = getattr(importlib.import_module(f"runtime.cli.{module}"), attribute)
    command = resolve_command(name)
    assert name.split()[-1] == attribute.strip("_").replace("_", "-")
    if isinstance(target, App):
        assert command is target and all(
            f"{name} {inner}" in COMMANDS for inner in target.resolved_commands() if inner[0] != "-"
        )
        target = target.default_command
    else:
        assert command.default_command is target
    if target is not None:
        assert collapse(COMMANDS[name].help) == collapse(inspect.getdoc(target)) != ""


@pytest.mark.parametrize("name", COMMANDS)
def test_table_lists_the_arguments_and_options_of_the_function(name):
    command = resolve_command(name)
    declared = [] if command.default_command is None else list(command.assemble_argument_collection())
    arguments, options = parse_usage(COMMANDS[name].usage)
    positional = [argument for argument in declared if argument.is_positional_only()]
    kinds = [describe_kind(argument) for argument in positional]
    assert [kind if kind == "FILE" or "|" in kind else "TEXT" for kind in arguments] == kinds
    named = [argument for argument in declared if not argument.is_positional_only()]
    assert [set(option.names) for option in options] == [set(argument.names) for argument in named]
    for option, argument in zip(options, named, strict=True):
        is_switch = argument.hint is bool
        assert option.value == ("" if is_switch else describe_kind(argument))
        assert option.is_repeatable == (
            list in {get_origin(hint) for hint in (argument.hint, *get_args(argument.hint))}
        )
