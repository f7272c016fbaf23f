"""What no check foresaw ends in a sentence and a file, never in a traceback; what can be foreseen is told before it."""

import re
import stat
import sys
from pathlib import Path

import pytest

import starter
import worker
from runtime.cli import report_commands
from runtime.errors import SetupError
from runtime.request.preflight import check_keys
from runtime.request.request_file import load_request
from runtime.request.store_probe import find_store_fault
from runtime.temporal.runs import open_run_plan, validate_new_id
from tests.support.bad_requests import GOOD, IDS
from tests.support.hostile_texts import find_control_characters


def run_main(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["starter.py", *words])
    return starter.main()


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    file = tmp_path / "good.yaml"
    file.write_text(GOOD)
    return file


@pytest.mark.parametrize("program", [starter, worker])
def test_an_unexpected_error_is_written_to_a_private_file_without_secrets(program, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("QUIRE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789abcdef")

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the key is sk-canary-0123456789abcdef \x1b[31m")

    monkeypatch.setattr(starter, "build_command_line", fail)
    monkeypatch.setattr(worker, "_run_worker", fail)
    monkeypatch.setattr(sys, "argv", ["x"])
    assert program.main() == 1
    output = capsys.readouterr()
    assert "Traceback" not in output.err and "canary" not in output.err and not find_control_characters(output.err)
    (named,) = re.findall(r"its traceback is in (\S+\.txt)", output.err)
    text = Path(named).read_text()
    assert "ZeroDivisionError" in text and "in fail" in text and "canary" not in text
    assert stat.S_IMODE(Path(named).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "words", [("x\x1b[31m",), ("check", "--no\x1bthing"), ("check", "no\x1bfile\u202e.yaml"), ("run",)]
)
def test_usage_errors_are_one_clean_sentence(words, monkeypatch, capsys):
    assert run_main(monkeypatch, *words) == 2
    output = capsys.readouterr()
    assert output.err.startswith("error: ") and not find_control_characters(output.err + output.out)


@pytest.mark.parametrize("id", IDS)
def test_an_id_that_is_none_is_refused_wherever_it_comes_from(id, monkeypatch, request_file, capsys):
    with pytest.raises(SetupError, match="letters, digits"):
        validate_new_id(id)
    assert run_main(monkeypatch, "check", str(request_file), f"--id={id}") == 2
    assert "letters, digits" in capsys.readouterr().err
    assert run_main(monkeypatch, "run", str(request_file), f"--id={id}") == 2
    assert "letters, digits" in capsys.readouterr().err


@pytest.mark.parametrize("id", ["a", "oq-suite-7f3a", "A b.c~d_e", "Zürich-1", "x" * 200])
def test_usual_ids_are_accepted(id):
    assert validate_new_id(id) == id


async def test_a_folder_that_is_no_run_is_not_opened_as_one(tmp_path):
    with pytest.raises(SetupError, match="letters, digits"):
        await open_run_plan(str(tmp_path), ".")


async def test_a_store_that_cannot_be_written_is_told_within_its_time_limit(tmp_path, monkeypatch):
    assert await find_store_fault(str(tmp_path / "new" / "deep")) == "" and not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file", tmp_path / "file" / "below", Path("/dev/null")):
        assert "output.store" in await find_store_fault(str(wrong))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("runtime.request.store_probe.PROBE_SECONDS", 0.5)
    assert "AWS_ACCESS_KEY_ID" in await find_store_fault("s3://no-such-bucket-of-quire/x")


@pytest.mark.parametrize("key", ["sk-one\nsk-two", "sk-abc…x", "sk-\x1b[31mred", "ключ-0123456789"])
async def test_a_key_that_cannot_be_sent_is_told_by_its_variable_and_not_shown(key, monkeypatch, request_file):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(SetupError, match=r"OPENAI_API_KEY holds .* at place \d+") as refused:
        await check_keys(load_request(request_file).plan.request)
    assert key not in str(refused.value)


@pytest.mark.parametrize("address", ["http://[::1", "http://a:port/v1", "not an address", "http://a b/"])
async def test_an_address_in_the_environment_that_is_none_is_told(address, monkeypatch, request_file):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(SetupError, match="address"):
        await check_keys(load_request(request_file).plan.request)


def test_a_report_cannot_be_written_over_a_folder(tmp_path):
    for folder in (Path("/"), tmp_path, Path(".")):
        with pytest.raises(SetupError, match="is a folder"), report_commands._replace_file(folder):  # pyright: ignore[reportPrivateUsage]
            pass
