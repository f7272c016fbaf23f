"""Hundreds of bad requests: each is refused at once by a sentence that names file and field, none by a traceback."""

import time

import pytest

from runtime.errors import SetupError
from runtime.request.request_file import load_request
from tests.support import bad_requests
from tests.support.bad_requests import BadRequest, list_bad_requests

REQUESTS = list_bad_requests()
SECONDS = 3.0
"""How long a refusal may take on a busy machine."""


def test_the_generator_makes_hundreds_of_requests_and_its_good_one_is_accepted(tmp_path):
    assert len(REQUESTS) >= 200
    file = tmp_path / "good.yaml"
    file.write_text(bad_requests.GOOD)
    assert len(load_request(file).plan.slots) == 2


@pytest.mark.parametrize("bad", REQUESTS, ids=[request.name.encode("ascii", "replace") for request in REQUESTS])
def test_a_bad_request_is_refused_with_file_and_field(tmp_path, bad: BadRequest):
    file = tmp_path / "bad.yaml"
    file.write_bytes(bad.text.encode("utf-8", "surrogatepass"))
    began = time.perf_counter()
    with pytest.raises(SetupError) as refused:
        load_request(file, bad.settings)
    seconds = time.perf_counter() - began
    message = str(refused.value)
    assert seconds < SECONDS, message
    assert bad.field in message and (f"{file}:" in message or "--set" in message), message
    assert "Error" not in message.split(": ")[0] and len(message) < 2000
