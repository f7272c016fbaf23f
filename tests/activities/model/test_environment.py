"""Where a process's keys may go, by its environment alone."""

import stat
from pathlib import Path

import pytest

from activities.model.environment import ModelEnvironment, explain_bad_address
from quire.request import ModelChoice

KEYS = {"OPENAI_API_KEY": "sk-own-1", "OTHER_KEY": "sk-other-2"}
OTHER = ModelChoice(api_key_env="OTHER_KEY")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8000/v1",
        "http://127.8.8.8/v1",
        "http://[::1]:8000/v1",
        "http://LOCALHOST:1/v1",
        "https://own.example/v1",
        "https://OWN.example:444/other",
        "http://listed.example:9/v1",
    ],
)
def test_a_key_goes_to_this_machine_to_the_own_endpoint_and_to_allowed_hosts(address: str):
    variables = KEYS | {"OPENAI_BASE_URL": "https://own.example/v1", "QUIRE_ALLOW_HOSTS": "a.example, Listed.example"}
    assert ModelEnvironment(variables).explain_refusal(OTHER, address) is None


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/v1",
        "https://own.example.evil.example/v1",
        "https://127.0.0.1.evil.example/v1",
        "http://169.254.169.254/latest",
        "http://own.example/v1",  # the key would go there without encryption
        "https://evil.example/?own.example",
    ],
)
def test_other_hosts_get_no_key_and_the_refusal_says_how_to_allow_them(address: str):
    environment = ModelEnvironment(
        KEYS | {"OPENAI_BASE_URL": "https://own.example/v1", "QUIRE_ALLOW_HOSTS": "a.example"}
    )
    for model in (OTHER, ModelChoice()):
        refusal = environment.explain_refusal(model, address) or ""
        assert "export QUIRE_ALLOW_HOSTS=a.example," in refusal and "sk-" not in refusal


@pytest.mark.parametrize(
    "address",
    [
        "https://me:hush@own.example/v1",
        "https://evil.example\\@own.example/v1",
        "https://evil.example#@own.example/v1",
        "ftp://own.example",
        "own.example/v1",
        "http://own.example /v1",
        "http://",
    ],
)
def test_addresses_that_clients_may_read_in_two_ways_are_refused(address: str):
    assert "hush" not in (explain_bad_address(address) or "hush")


def test_openai_needs_its_key_and_a_server_that_needs_none_gets_none():
    empty = ModelEnvironment({})
    assert "OPENAI_API_KEY is not set" in (empty.explain_refusal(ModelChoice(), "https://api.openai.com/v1") or "")
    assert "OTHER_KEY is not set" in (empty.explain_refusal(OTHER, "https://models.example/v1") or "")
    assert empty.explain_refusal(ModelChoice(), "https://models.example/v1") is None
    assert empty.explain_refusal(OTHER, "http://localhost:8000/v1") is None


def test_a_host_that_was_allowed_at_a_terminal_is_remembered_for_its_owner_alone(tmp_path: Path):
    environment = ModelEnvironment(KEYS, tmp_path / "home" / "allowed-hosts")
    assert environment.may_allow(OTHER, "https://models.example/v1")
    environment.remember_host("models.example")
    environment.remember_host("more.example")
    again = ModelEnvironment(KEYS, environment.hosts_file)
    assert not again.may_allow(OTHER, "https://models.example/v1")
    assert again.explain_refusal(OTHER, "https://more.example/v1") is None
    assert environment.hosts_file and stat.S_IMODE(environment.hosts_file.stat().st_mode) == 0o600
