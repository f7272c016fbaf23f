"""The table of all commands, for `--help` and the Tab key: importing the commands themselves takes up to a second. A
test compares it with the functions."""

from typing import NamedTuple


class Command(NamedTuple):
    """A command: its function, what `--help` says of it, and what it takes."""

    target: str
    """Module of this folder and function, `run_commands:run`."""
    help: str
    """The function's docstring."""
    usage: str = ""
    """Arguments, then options, separated by spaces.

    The shell completes `ID` as a run, `FILE` as a file, and `a|b` as one of these; other capitals are text. An option
    with a value is `--out=FILE`, one that may be repeated `--set=TEXT...`, a switch `--json` or `--open/--no-open`.
    """


_COMPLETION_HELP = """Print a script that completes commands, options and the ids of runs in your shell.

bash:  uv run starter.py completion bash > ~/.quire.bash
       echo 'source ~/.quire.bash' >> ~/.bashrc
zsh:   uv run starter.py completion zsh > ~/.quire.zsh
       echo 'source ~/.quire.zsh' >> ~/.zshrc
fish:  uv run starter.py completion fish > ~/.config/fish/conf.d/quire.fish

Then in a new terminal: uv run starter.py status <Tab>. Load this script after
uv's own completion, if you use that."""

COMMANDS = {
    "approve": Command(
        "control_commands:approve",
        "Let a run continue that waits for approval of its plan or its first batch.",
        "ID",
    ),
    "cancel": Command(
        "run_commands:cancel",
        "Cancel a run: calls in flight finish, and what has been generated becomes a partial artifact.",
        "ID",
    ),
    "check": Command(
        "check_command:check",
        "Validate a request and show its plan, the expected tokens and cost, and what the store already holds. No "
        "model is called.",
        "FILE --set=TEXT... --allow-path=FILE... --concurrency=TEXT --id=TEXT --prompt --json",
    ),
    "compare": Command(
        "report_commands:compare",
        "Compare two runs: their results, their cost, and the settings in which they differ.",
        "ID ID --html=FILE --store=TEXT --json",
    ),
    "completion": Command("completion_command:completion", _COMPLETION_HELP, "bash|zsh|fish"),
    "doctor": Command(
        "doctor_command:doctor",
        "Check packages, server, worker, endpoint, key and store, and say how to fix what is wrong: exit code 2. No "
        "server is started, and only --call calls a model; without an endpoint, the offline simulator is called.",
        "FILE --store=TEXT --call --json",
    ),
    "down": Command(
        "server_commands:down",
        "Stop an embedded server that was left running. Runs are kept, and continue at the next start.",
    ),
    "explain": Command(
        "slot_commands:explain",
        "Show all attempts at one slot: result, tokens, duplicates, and where its item came from.",
        "ID SLOT --json",
    ),
    "extend": Command(
        "control_commands:extend",
        "Add items to a run, live or ended: existing items stay, and only the new ones are paid for.",
        "ID NUMBER --priority=TEXT --json",
    ),
    "failed": Command(
        "slot_commands:failed",
        "List every missing slot of an ended run, with its reason.",
        "ID --json",
    ),
    "finish": Command(
        "control_commands:finish",
        "Start no further calls, and assemble what has been generated.",
        "ID",
    ),
    "init": Command(
        "init_command:init",
        "Write a request that runs: by asking on a terminal, or without questions from --recipe and the other options.",
        "--recipe=TEXT --input=TEXT... --target=TEXT --model=TEXT --out=FILE --force",
    ),
    "list": Command(
        "list_command:list_",
        "List all runs that the server knows, the newest first.",
        "--limit=TEXT --json",
    ),
    "log-mlflow": Command(
        "mlflow_command:log_mlflow",
        "Log to MLflow what is not logged yet of a run. Repeating it does no harm.",
        "ID --tracking-uri=TEXT --experiment=TEXT",
    ),
    "pause": Command(
        "control_commands:pause",
        "Start no further calls; those in flight finish. Continue with: resume.",
        "ID",
    ),
    "raise-budget": Command(
        "control_commands:raise_budget",
        "Raise the caps of a run, such as one that waits at its budget.",
        "ID --tokens=TEXT --usd=TEXT",
    ),
    "rebuild": Command(
        "resume_commands:rebuild",
        "Assemble an ended run's artifact again from the store, byte for byte. No model is called.",
        "ID --store=TEXT",
    ),
    "recipes": Command(
        "recipe_commands:recipes",
        "List the recipes, show what one takes, or write a recipe of your own.",
        "--json",
    ),
    "recipes new": Command(
        "recipe_commands:new",
        "Write NAME.yaml, a commented recipe of your own that runs as it is.",
        "NAME",
    ),
    "recipes show": Command(
        "recipe_commands:show",
        "Print a recipe's inputs, its item schema and a ready request.",
        "NAME",
    ),
    "report": Command(
        "report_commands:report",
        "Open a run's report: verdict, timeline, cost, coverage and items. For a live run it shows the current state.",
        "ID --out=FILE --open/--no-open --store=TEXT --json",
    ),
    "result": Command("run_commands:result", "Print the result of a run that has ended.", "ID --json"),
    "resume": Command(
        "resume_commands:resume",
        "Continue a run that was paused, interrupted, cancelled or ended partial; nothing is paid for twice.",
        "ID --priority=TEXT --json",
    ),
    "retry-failed": Command(
        "control_commands:retry_failed",
        "Try again every slot that gave up, in a live run or an ended one.",
        "ID --priority=TEXT --json",
    ),
    "run": Command(
        "run_commands:run",
        "Start a run, or attach to it, and show it until it ends. Ctrl-C leaves the run as it is, to continue later.",
        "FILE --id=TEXT --set=TEXT... --allow-path=FILE... --concurrency=TEXT --fresh --priority=TEXT --detach --json",
    ),
    "schema": Command(
        "schema_command:schema",
        "Print the JSON Schema of requests with the inputs of each recipe, for editors to complete and check them.",
        "--recipe=TEXT --out=FILE",
    ),
    "set-concurrency": Command(
        "control_commands:set_concurrency",
        "Change how many calls may be in flight.",
        "ID CALLS",
    ),
    "set-priority": Command(
        "control_commands:set_priority",
        "Change the priority of a live run; calls that already wait keep their place.",
        "ID PRIORITY",
    ),
    "snapshot": Command(
        "slot_commands:snapshot",
        "Assemble the items that exist so far, in the folder snapshot/ of the run's store. The run continues.",
        "ID",
    ),
    "status": Command("run_commands:status", "Show the progress of a run.", "ID --json"),
    "topics": Command("topic_commands:topics", "Give the lines of a topic tree UUIDs, or grow a tree with the model."),
    "topics build": Command(
        "topic_commands:build",
        "Grow a topic tree with the model, as a run like any other, and write its leaves with their UUIDs.",
        "--topic=TEXT --depth=TEXT --degree=TEXT --output=FILE --model=TEXT --instructions=TEXT --store=TEXT --id=TEXT "
        "--priority=TEXT --json",
    ),
    "topics stamp": Command(
        "topic_commands:stamp",
        "Give every line of a topic tree that has no leaf_uuid a new one; existing ones stay.",
        "FILE",
    ),
    "up": Command(
        "server_commands:up",
        "Run the embedded server, its Web UI and a worker until Ctrl-C. Unfinished runs continue by themselves.",
    ),
    "watch": Command(
        "run_commands:watch",
        "Show a run until it ends, with a worker of its own, so that an interrupted run continues.",
        "ID --json",
    ),
}
"""Commands by name. A name of two words is a command of the group that the first word names."""
