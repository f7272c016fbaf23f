"""An endpoint that repeats the key of each call in its answers, whatever they are."""

import base64
import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

SENTENCE = "The zebra of Timbuktu paints its stripes at dusk."
"""A sentence in each item that the endpoint makes up; all items are invalid."""
Answer = tuple[int, str, str]
"""Status, content type and body."""


def repeat_key(key: str) -> str:
    """Return a message that has a key in all its forms, and only a part of it."""
    encoded = base64.b64encode(f"key={key}".encode()).decode()
    return f"Incorrect API key provided: {key} {key[:-6]} {quote(key, safe='')} {json.dumps(key)} {encoded}"


def refuse(status: int) -> Callable[[str, dict[str, Any]], Answer]:
    """Return the answers of an endpoint that refuses each call with this status."""

    def answer(key: str, _: dict[str, Any]) -> Answer:
        error = {"message": f"{'x' * 480} {repeat_key(key)}", "type": "error", "code": None, "param": "messages"}
        return status, "application/json", json.dumps({"error": error})

    return answer


def answer_with_page(key: str, _: dict[str, Any]) -> Answer:
    """Answer with a page of a gateway."""
    return 200, "text/html", f"<h1>{repeat_key(key)}</h1>"


def answer_with_broken_stream(key: str, _: dict[str, Any]) -> Answer:
    """Answer with a stream whose first event is an error."""
    event = json.dumps({"error": {"message": repeat_key(key)}})
    return 200, "text/event-stream", f"data: {event}\n\n"


def answer_with_refusal(key: str, body: dict[str, Any]) -> Answer:
    """Answer as a model that refuses, in words of its own."""
    return _complete(body, {"role": "assistant", "content": None, "refusal": f"{SENTENCE} {repeat_key(key)}"})


def answer_with_invalid_items(key: str, body: dict[str, Any]) -> Answer:
    """Answer with an item for every slot, all of which break the schema in words of the model."""
    words = f"{SENTENCE} {repeat_key(key)}"
    items = [{"slot": slot, "title": words, "text": "short", "value": words, words: words} for slot in range(1, 20)]
    return _complete(body, {"role": "assistant", "content": json.dumps({"items": items})})


def _complete(body: dict[str, Any], message: dict[str, Any]) -> Answer:
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    usage = {"prompt_tokens": 10, "completion_tokens": 10}
    return 200, "application/json", json.dumps({"model": body["model"], "choices": choices, "usage": usage})


@contextmanager
def run_telltale_endpoint(*answers: Callable[[str, dict[str, Any]], Answer]) -> Generator[str]:
    """Run an endpoint that gives each of the answers once, and the last one from then on; yield its base URL."""
    remaining = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, "application/json", '{"object": "list", "data": []}')

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = remaining.pop(0) if len(remaining) > 1 else remaining[0]
            self._send(*answer(self.headers.get("authorization", "").removeprefix("Bearer "), body))

        def _send(self, status: int, kind: str, text: str) -> None:
            data = text.encode()
            self.send_response(status)
            for name, value in (("content-type", kind), ("content-length", str(len(data))), ("retry-after-ms", "50")):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
