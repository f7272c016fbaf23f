"""HTTP statuses as Temporal is to treat them."""

import time
from email.utils import formatdate

import httpx2
import pytest
from openai import APIStatusError, RateLimitError

from activities.model.http_errors import from_status, retry_after


def limited(headers: dict[str, str], code: str = "rate_limit_exceeded", status: int = 429) -> APIStatusError:
    response = httpx2.Response(status, headers=headers, request=httpx2.Request("POST", "http://x"))
    return RateLimitError("said", response=response, body={"code": code})


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry-after": "3"}, 3, 3.75),
        ({"retry-after": "0.5"}, 0.5, 0.7),
        ({"retry-after-ms": "1500"}, 1.5, 1.9),
        ({"retry-after": "DATE"}, 15, 26),
        ({}, 0.2, 0.8),
        ({"retry-after": "soon"}, 0.2, 0.8),
        ({"retry-after": "nan"}, 0.2, 0.8),
    ],
)
def test_a_429_waits_as_long_as_it_asks_for_with_jitter(headers, low, high):
    in_20_seconds = formatdate(time.time() + 20, usegmt=True)
    headers = {name: value.replace("DATE", in_20_seconds) for name, value in headers.items()}
    said = [from_status(limited(headers), "KEY") for _ in range(50)]
    waits = [failure.next_retry_delay.total_seconds() for failure in said if failure.next_retry_delay]
    assert len(waits) == 50 and low <= min(waits) and max(waits) <= high and len(set(waits)) > 10
    assert not any(failure.non_retryable for failure in said)


def test_a_limit_of_hours_is_a_quota_that_tells_when_it_resets():
    failure = from_status(limited({"retry-after": "7200"}), "KEY")
    assert failure.type == "QuotaSpent" and failure.non_retryable
    assert abs(failure.details[0] - time.time() - 7200) < 5


def test_an_empty_account_is_never_tried_again_by_itself():
    assert from_status(limited({"retry-after": "1"}, code="insufficient_quota"), "KEY").non_retryable


def test_no_form_of_the_wait_is_negative():
    assert retry_after({"retry-after": formatdate(time.time() - 99, usegmt=True)}) == 0
    assert retry_after({"retry-after": "-4"}) is None
