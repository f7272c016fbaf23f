"""Complete runs whose input is a PDF or a Word document, by the command."""

import json

import pytest

from runtime.paths import ROOT
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support import document_files
from tests.support.runs import get_prompts

OQ = "recipe: oq_suite\ninputs: {urs: %s, gamp_category: 5}\ntarget: 25\noutput: {store: store}\n"
WITHOUT_READER = (
    "import sys; sys.modules['pypdfium2'] = None; sys.path.insert(0, %r); from starter import main; sys.exit(main())"
)


@pytest.fixture
def model(shell):
    with SimulatorServer(Options(record=True)) as server:
        shell.env["OPENAI_BASE_URL"] = server.base_url
        yield server


@pytest.mark.parametrize("kind", ["pdf", "docx"])
def test_a_suite_is_made_from_a_document_and_traces_each_requirement(shell, model, tmp_path, kind):
    shell.cwd = tmp_path
    getattr(document_files, f"write_urs_{kind}")(tmp_path / f"urs.{kind}")
    (tmp_path / "oq.yaml").write_text(OQ % f"urs.{kind}")
    plan = json.loads(shell("check", "oq.yaml", "--json", "--prompt").stdout)
    assert plan["expected"] == {"requirements": 30}
    ended = shell("run", "oq.yaml", "--id", "suite", "--json")
    assert ended.returncode == 0, ended.stderr
    artifact = json.loads((tmp_path / "store" / "suite" / "artifact.json").read_text())
    assert (
        sorted(artifact["traceability"]) == [requirement.id for requirement in document_files.REQUIREMENTS]
        and artifact["uncovered"] == []
    )
    assert artifact["metadata"]["document"] == f"urs.{kind}"
    assert plan["prompts"][0]["body"]["messages"] in [body["messages"] for body in model.simulator.bodies]
    (copy,) = (tmp_path / "store" / "suite" / "inputs").glob(f"*/urs.{kind}.md")
    assert "URS-007" in copy.read_text()


def test_a_quiz_is_made_from_a_chapter_in_word(shell, model, tmp_path):
    from docx import Document

    document = Document()
    for line in (ROOT / "examples" / "custom" / "chapter.md").read_text().split("\n\n"):
        if line.startswith("#"):
            document.add_heading(line.strip("# \n"), 1)
        else:
            document.add_paragraph(" ".join(line.split()))
    document.save(str(tmp_path / "chapter.docx"))
    text = (ROOT / "examples" / "custom_quiz.yaml").read_text()
    (tmp_path / "quiz.yaml").write_text(text.replace("custom/chapter.md", "chapter.docx").replace("../runs", "store"))
    ended = shell("run", str(tmp_path / "quiz.yaml"), "--id", "quiz", "--json")
    assert ended.returncode == 0 and json.loads(ended.stdout.splitlines()[-1])["verdict"] == "complete", ended.stderr
    words = " ".join((ROOT / "examples" / "custom" / "chapter.md").read_text().split())[-80:]
    assert words in " ".join(model.simulator.bodies[0]["messages"][0]["content"].split())
    assert get_prompts(model)


def test_a_document_without_text_costs_nothing(shell, model, tmp_path):
    document_files.write_scan_pdf(tmp_path / "scan.pdf")
    (tmp_path / "oq.yaml").write_text(OQ % "scan.pdf")
    ended = shell("run", str(tmp_path / "oq.yaml"))
    assert ended.returncode == 2 and "oq.yaml:2: inputs.urs: " in ended.stderr and "pictures" in ended.stderr
    assert "scan.pdf" in ended.stderr and "Traceback" not in ended.stderr
    assert model.stats()["calls"] == 0 and not shell.home.exists()


def test_a_pdf_without_the_documents_extra_is_refused_with_the_install_command(shell, tmp_path):
    document_files.write_urs_pdf(tmp_path / "urs.pdf")
    (tmp_path / "oq.yaml").write_text(OQ % "urs.pdf")
    (tmp_path / "without.py").write_text(WITHOUT_READER % str(ROOT))
    ended = shell("check", str(tmp_path / "oq.yaml"), script=str(tmp_path / "without.py"))
    assert ended.returncode == 2 and "uv sync --extra documents" in ended.stderr
    document_files.write_urs_docx(tmp_path / "urs.docx")
    (tmp_path / "oq.yaml").write_text(OQ % "urs.docx")
    assert shell("check", str(tmp_path / "oq.yaml"), script=str(tmp_path / "without.py")).returncode == 0
