"""`python -m simulator`: serve until ended."""

import argparse
import os
import threading
import time

from simulator.http_app import Simulator
from simulator.options import FAULTS, Options
from simulator.server import listening, server


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("a share from 0 to 1")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 86_400:
        raise argparse.ArgumentTypeError("seconds, 0 or more")
    return value


_HELP = {
    "rate_limit": "share of calls answered 429 with Retry-After",
    "server_error": "share answered 500",
    "drop": "share whose connection breaks off",
    "bad_json": "share whose content is broken JSON",
    "too_few": "share that lacks an item",
    "refusal": "share that is refused",
    "hang": "share that is never answered",
    "cut_off": "share that ends at the output limit, in the middle of an item",
    "too_many": "share with items that nobody asked for",
    "wrong_slots": "share whose last item names the wrong slot",
    "content_filter": "share that a content filter stops",
    "html": "share answered 200 with a page of HTML",
    "empty": "share answered 200 with nothing",
    "no_choices": "share answered 200 with choices: null",
    "stream_cut": "share whose answer breaks off in the middle",
    "slow": "share that takes --slow-seconds",
}


def main() -> None:
    """Parse, listen, say where, serve."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description="An OpenAI-compatible endpoint, offline.")
    parser.add_argument("--port", type=int, default=8399, help="port on 127.0.0.1; 0 takes a free one (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other texts (%(default)s)")
    parser.add_argument("--latency", type=_seconds, default=0.0, help="seconds that each call takes (%(default)s)")
    parser.add_argument("--tokens-per-second", type=_seconds, default=0.0, help="pace of an answer; 0 is at once")
    parser.add_argument("--retry-after", type=_seconds, default=1.0, help="seconds that a 429 asks for (%(default)s)")
    forms = ("seconds", "ms", "date", "none")
    parser.add_argument("--retry-after-form", choices=forms, default="seconds", help="how a 429 says it (%(default)s)")
    parser.add_argument("--slow-seconds", type=_seconds, default=10.0, help="what a slow call takes (%(default)s)")
    known = ("json_schema", "json_object", "text")
    parser.add_argument("--forms", nargs="+", choices=known, default=known, help="structured output that it knows")
    parser.add_argument("--context-window", type=int, help="tokens of a prompt at the most")
    parser.add_argument("--funds", type=int, help="calls until the account is empty")
    parser.add_argument("--quota", type=int, help="calls until the day's quota is spent")
    parser.add_argument("--quota-seconds", type=_seconds, default=3600.0, help="when it resets (%(default)s)")
    parser.add_argument("--rpm", type=int, help="calls of a model in any minute; those above it get 429")
    parser.add_argument("--tpm", type=int, help="tokens of a model in any minute, in and out")
    parser.add_argument("--duplicates", type=_share, default=0.0, help="share of items that repeat others")
    kinds = ("none", "numbers", "word", "order")
    parser.add_argument("--twist", choices=kinds, default="none", help="what differs between repeats (%(default)s)")
    parser.add_argument("--strictness", type=_share, default=0.0, help="share of items that a judge refuses")
    parser.add_argument("--poison", metavar="REGEX", help="calls whose prompt has this get broken JSON, always")
    parser.add_argument("--api-key", help="answer 401 to any other key")
    parser.add_argument("--parent", type=int, help="end when this process is gone")
    for name in FAULTS:
        parser.add_argument("--" + name.replace("_", "-"), type=_share, default=0.0, metavar="SHARE", help=_HELP[name])
    given = vars(parser.parse_args())
    port, parent = given.pop("port"), given.pop("parent")
    if sum(given[name] for name in FAULTS) > 1:
        parser.error("the shares of all faults together are more than 1")
    try:
        sock = listening(port)
    except (OSError, OverflowError) as error:
        parser.error(f"port {port}: {error}")
    if parent:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    sock.listen(512)
    print(f"simulator listening on http://127.0.0.1:{sock.getsockname()[1]}/v1", flush=True)
    server(Simulator(Options(**given))).run(sockets=[sock])


def _end_with(parent: int) -> None:
    while True:
        try:
            os.kill(parent, 0)
        except OSError:
            os._exit(0)
        time.sleep(1)


if __name__ == "__main__":
    main()
