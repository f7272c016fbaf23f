"""A run calls the endpoint that it was started with, whichever workers are up; a key goes only where it belongs."""

import json
import socket
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from activities.model.environment import ModelEnvironment
from quire.request import Request
from runtime.paths import ROOT
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.pseudo_terminals import PseudoTerminal
from tests.support.requests import example_request, things_request
from tests.support.runs import connect_again, read_items, start_run, wait_for_progress
from tests.support.shell import Shell
from tests.support.workers import run_worker


def at_address(server: SimulatorServer) -> ModelEnvironment:
    return ModelEnvironment({"OPENAI_BASE_URL": server.base_url})


def count_calls(server: SimulatorServer) -> dict[str, int]:
    """Return the calls that an endpoint got, by model: completions and embeddings."""
    return {model: sum(calls for _, calls, _ in seconds) for model, seconds in server.stats()["seconds"].items()}


def planned_request(store: Path, name: str, **changes: Any) -> Request:
    """Return a request that plans, generates, judges and embeds, each with a model of this name."""
    return example_request(
        "eval_dataset",
        store,
        model={"name": f"{name}-judge"},
        worker_model={"name": name},
        batching={"size": 2, "concurrency": 8},
        duplicates={"method": "semantic", "rounds": 0, "threshold": 1.0, "embedding": {"name": f"{name}-embed"}},
        reuse=False,
        **changes,
    )


async def test_two_runs_and_four_workers_of_two_environments_make_no_stray_call(client: Client, tmp_path: Path):
    with SimulatorServer(Options(latency=0.05)) as alpha, SimulatorServer(Options(latency=0.05)) as beta:
        async with AsyncExitStack() as stack:
            for server in (alpha, beta, alpha, beta):
                await stack.enter_async_context(run_worker(await connect_again(client), environment=at_address(server)))
            handles = [
                await start_run(
                    client, planned_request(tmp_path, name).with_default_address(server.base_url), f"address-{name}"
                )
                for name, server in (("alpha", alpha), ("beta", beta))
            ]
            results = [await handle.result() for handle in handles]
        assert [result.verdict for result in results] == ["complete", "complete"]
        for name, server in (("alpha", alpha), ("beta", beta)):
            assert set(count_calls(server)) == {name, f"{name}-judge", f"{name}-embed"}
            items = read_items(tmp_path, f"address-{name}")
            assert {item["provenance"]["endpoint"] for item in items} == {server.base_url}
            ledger = (tmp_path / f"address-{name}" / "ledger.jsonl").read_text().splitlines()
            assert {call["endpoint"] for line in ledger for call in json.loads(line)["attempts"]} == {server.base_url}


async def test_a_run_whose_shell_has_ended_waits_for_its_own_address(client: Client, tmp_path: Path):
    request = things_request(tmp_path, 20, model={"name": "alpha"}, batching={"size": 1, "concurrency": 1})
    with SimulatorServer(Options(latency=0.2)) as alpha, SimulatorServer(Options()) as beta:
        async with run_worker(client, environment=at_address(alpha)):
            handle = await start_run(client, request, "left-alone")
            await wait_for_progress(handle, lambda progress: progress.items >= 2)
        async with run_worker(client, environment=at_address(beta)):
            progress = await wait_for_progress(handle, lambda progress: progress.waits_for == "repair")
            assert f"export OPENAI_BASE_URL={alpha.base_url}" in progress.why
        assert not count_calls(beta)
        async with run_worker(client, environment=at_address(alpha)):
            await handle.signal("resume")
            assert (await handle.result()).verdict == "complete"
        assert count_calls(alpha) == {"alpha": 20} and not count_calls(beta)


async def test_a_worker_keeps_its_key_from_a_host_that_a_request_names(client: Client, tmp_path: Path):
    model = {"name": "alpha", "base_url": "http://evil.example/v1", "api_key_env": "OTHER_KEY"}
    request = things_request(tmp_path, 1, model=model)
    with SimulatorServer(Options()) as own:
        environment = ModelEnvironment({"OPENAI_BASE_URL": own.base_url, "OTHER_KEY": "sk-other"})
        async with run_worker(client, environment=environment):
            handle = await start_run(client, request, "foreign-host")
            progress = await wait_for_progress(handle, lambda progress: progress.waits_for == "repair")
            assert "export QUIRE_ALLOW_HOSTS=evil.example" in progress.why and "sk-other" not in progress.why
            await handle.terminate()
        assert not count_calls(own)


@pytest.fixture
def foreign_host() -> Any:
    """A listening socket at an address of this machine that is not its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses an address
        host = probe.getsockname()[0]
    with socket.create_server((host, 0)) as server:
        server.settimeout(0.2)
        yield server


def test_a_foreign_host_gets_neither_key_nor_connection_unless_it_is_allowed(shell: Shell, foreign_host: socket.socket):
    host, port = foreign_host.getsockname()
    settings = ("--set", f"model.base_url=http://{host}:{port}/v1", "--set", "model.api_key_env=OTHER_KEY")
    shell.env |= {"OTHER_KEY": "sk-other"}
    refused = shell(*shell.run_words("foreign", *settings))
    assert refused.returncode == 2 and f"export QUIRE_ALLOW_HOSTS={host}" in refused.stderr
    with pytest.raises(TimeoutError):
        foreign_host.accept()
    shell.env["QUIRE_ALLOW_HOSTS"] = host
    allowed = shell.spawn(*shell.run_words("foreign", *settings))
    foreign_host.settimeout(60)
    connection, _ = foreign_host.accept()
    with connection:
        assert b"Bearer sk-other" in connection.recv(10_000)
    allowed.kill()


def test_a_person_at_a_terminal_is_asked_once_for_a_foreign_host(shell: Shell, foreign_host: socket.socket):
    host, port = foreign_host.getsockname()
    settings = ("--set", f"model.base_url=http://{host}:{port}/v1", "--set", "model.api_key_env=OTHER_KEY")
    shell.env |= {"OTHER_KEY": "sk-other"}
    command = [sys.executable, str(ROOT / "starter.py"), *shell.run_words("asked", *settings)]
    foreign_host.settimeout(60)
    for is_asked in (True, False):
        with PseudoTerminal(command, shell.env, ROOT) as terminal:
            if is_asked:
                terminal.wait_until(lambda: "[y/N]" in terminal.output)
                terminal.type("y\n")
            connection, _ = foreign_host.accept()
            with connection:
                assert b"Bearer sk-other" in connection.recv(10_000)
    assert (shell.home / "allowed-hosts").read_text() == f"{host}\n"


def test_a_server_on_this_machine_needs_neither_key_nor_permission(shell: Shell):
    with SimulatorServer(Options(api_key="sk-local")) as server:
        shell.env |= {"LOCAL_KEY": "sk-local"}
        settings = ("--set", f"model.base_url={server.base_url}", "--set", "model.api_key_env=LOCAL_KEY")
        assert shell(*shell.run_words("with-key", *settings)).returncode == 0
    with SimulatorServer(Options()) as server:
        assert shell(*shell.run_words("no-key", "--set", f"model.base_url={server.base_url}")).returncode == 0
