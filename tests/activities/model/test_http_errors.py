"""How HTTP statuses become failures that Temporal retries or not."""

import time
from email.utils import formatdate

import httpx2
import pytest
from openai import APIStatusError, RateLimitError

from activities.model.http_errors import parse_retry_after, status_failure


def make_status_error(headers: dict[str, str], code: str = "rate_limit_exceeded", status: int = 429) -> APIStatusError:
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
def test_a_429_is_retried_after_its_retry_after_plus_jitter(headers, low, high):
    in_20_seconds = formatdate(time.time() + 20, usegmt=True)
    headers = {name: value.replace("DATE", in_20_seconds) for name, value in headers.items()}
    failures = [status_failure(make_status_error(headers), "KEY") for _ in range(50)]
    waits = [failure.next_retry_delay.total_seconds() for failure in failures if failure.next_retry_delay]
    assert len(waits) == 50 and low <= min(waits) and max(waits) <= high and len(set(waits)) > 10
    assert not any(failure.non_retryable for failure in failures)


def test_a_retry_after_of_hours_is_a_spent_quota_with_its_reset_time():
    failure = status_failure(make_status_error({"retry-after": "7200"}), "KEY")
    assert failure.type == "QuotaSpent" and failure.non_retryable
    assert abs(failure.details[0] - time.time() - 7200) < 5


def test_an_account_without_funds_is_never_retried_automatically():
    assert status_failure(make_status_error({"retry-after": "1"}, code="insufficient_quota"), "KEY").non_retryable


def test_retry_after_is_never_negative():
    assert parse_retry_after({"retry-after": formatdate(time.time() - 99, usegmt=True)}) == 0
    assert parse_retry_after({"retry-after": "-4"}) is None
