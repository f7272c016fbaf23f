"""`python -m simulator`: serve until the process is ended."""

import argparse
import os
import threading
import time

from simulator.http_app import Simulator
from simulator.options import FAULTS, Options
from simulator.server import build_server, open_socket

_FAULT_HELP = {
    "rate_limit": "share of calls answered with 429 and Retry-After",
    "server_error": "share answered with 500",
    "drop": "share whose connection is dropped",
    "bad_json": "share whose content is broken JSON",
    "too_few": "share whose answer lacks an item",
    "refusal": "share that the model refuses",
    "hang": "share that is never answered",
    "cut_off": "share that ends at the output limit, in the middle of an item",
    "too_many": "share with items that were not requested",
    "wrong_slots": "share whose last item names the wrong slot",
    "content_filter": "share that a content filter stops",
    "html": "share answered with 200 and an HTML page",
    "empty": "share answered with 200 and an empty body",
    "no_choices": "share answered with 200 and choices: null",
    "stream_cut": "share whose answer breaks off in the middle",
    "slow": "share that takes --slow-seconds",
}


def main() -> None:
    """Parse the arguments, print the address, and serve."""
    parser = _build_parser()
    arguments = vars(parser.parse_args())
    port, parent = arguments.pop("port"), arguments.pop("parent")
    if sum(arguments[name] for name in FAULTS) > 1:
        parser.error("the shares of all faults together must not exceed 1")
    try:
        sock = open_socket(port)
    except (OSError, OverflowError) as error:
        parser.error(f"port {port}: {error}")
    if parent:
        threading.Thread(target=_exit_with_parent, args=(parent,), daemon=True).start()
    sock.listen(512)
    print(f"simulator listening on http://127.0.0.1:{sock.getsockname()[1]}/v1", flush=True)
    build_server(Simulator(Options(**arguments))).run(sockets=[sock])


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="Serve an OpenAI-compatible endpoint that works offline."
    )
    add = parser.add_argument
    add("--port", type=int, default=8399, help="port on 127.0.0.1; 0 takes a free one (%(default)s)")
    add("--seed", type=int, default=0, help="another seed gives other texts (%(default)s)")
    add("--latency", type=_parse_seconds, default=0.0, help="seconds that each call takes (%(default)s)")
    add("--tokens-per-second", type=_parse_seconds, default=0.0, help="speed of an answer; 0 sends it at once")
    add("--retry-after", type=_parse_seconds, default=1.0, help="seconds in the Retry-After of a 429 (%(default)s)")
    retry_after_forms = ("seconds", "ms", "date", "none")
    add("--retry-after-form", choices=retry_after_forms, default="seconds", help="form of Retry-After (%(default)s)")
    add("--slow-seconds", type=_parse_seconds, default=10.0, help="seconds that a slow call takes (%(default)s)")
    formats = ("json_schema", "json_object", "text")
    add("--forms", nargs="+", choices=formats, default=formats, help="response formats that are supported")
    add("--context-window", type=int, help="maximum tokens of a prompt")
    add("--funds", type=int, help="answered calls until the account is empty")
    add("--quota", type=int, help="answered calls until the day's quota is spent")
    add("--quota-seconds", type=_parse_seconds, default=3600.0, help="seconds until it resets (%(default)s)")
    add("--rpm", type=int, help="calls of a model in any minute; further ones get 429")
    add("--tpm", type=int, help="tokens of a model in any minute, in and out; further calls get 429")
    add("--duplicates", type=_parse_share, default=0.0, help="share of items that repeat others")
    variations = ("none", "numbers", "word", "order")
    add("--twist", choices=variations, default="none", help="what differs between repeated items (%(default)s)")
    add("--strictness", type=_parse_share, default=0.0, help="share of items that a reviewing model rejects")
    add("--poison", metavar="REGEX", help="calls whose prompt matches always get broken JSON")
    add("--api-key", help="answer 401 to any other key")
    add("--parent", type=int, metavar="PID", help="exit when this process is gone")
    for name in FAULTS:
        add("--" + name.replace("_", "-"), type=_parse_share, default=0.0, metavar="SHARE", help=_FAULT_HELP[name])
    return parser


def _parse_share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be a share from 0 to 1")
    return value


def _parse_seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 86_400:
        raise argparse.ArgumentTypeError("must be 0 or more, and less than a day (86,400)")
    return value


def _exit_with_parent(parent: int) -> None:
    while True:
        try:
            os.kill(parent, 0)
        except OSError:
            os._exit(0)
        time.sleep(1)


if __name__ == "__main__":
    main()
