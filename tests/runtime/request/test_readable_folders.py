"""A request reads files of its own folder; others only if a person allows them."""

from pathlib import Path

import pytest

from runtime.errors import SetupError
from runtime.request.request_file import load_request


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A request in a folder of its own, and a file outside it."""
    monkeypatch.delenv("QUIRE_ALLOW_PATHS", raising=False)
    own, outside = tmp_path / "own", tmp_path / "outside"
    own.mkdir()
    outside.mkdir()
    for folder in (own, outside):
        (folder / "urs.md").write_text("# Requirements\n\nURS-001 The system shall record each change.\n")
    (own / "link.md").symlink_to(outside / "urs.md")
    return own, outside


def write_request(folder: Path, urs: object) -> Path:
    path = folder / "request.yaml"
    path.write_text(f"recipe: oq_suite\ninputs:\n  urs: {urs}\n  gamp_category: 5\ntarget: 2\n")
    return path


def test_files_of_the_requests_own_folder_are_read(folders):
    own, _ = folders
    assert load_request(write_request(own, "urs.md")).texts
    assert load_request(write_request(own, own / "urs.md")).texts


@pytest.mark.parametrize("form", ["{outside}/urs.md", "../outside/urs.md", "link.md", "/etc/none.md", "../none.md"])
def test_other_files_are_refused_with_line_field_and_the_option_to_give(folders, form):
    own, outside = folders
    path = write_request(own, form.format(outside=outside))
    with pytest.raises(SetupError) as caught:
        load_request(path)
    message = str(caught.value)
    assert f"{path}:3: inputs.urs: " in message and "--allow-path" in message and "QUIRE_ALLOW_PATHS" in message


def test_a_person_allows_a_folder_or_chooses_the_file(folders, monkeypatch):
    own, outside = folders
    path = write_request(own, "link.md")
    assert load_request(path, allowed=[outside]).texts
    assert load_request(path, [f"inputs.urs={outside}/urs.md"]).texts
    monkeypatch.setenv("QUIRE_ALLOW_PATHS", f"{own}:{outside}")
    assert load_request(path).texts
