"""The build id of a worker, which names the code that it runs."""

from runtime.worker import build_id


def test_a_build_id_changes_with_the_code(tmp_path, monkeypatch):
    monkeypatch.setattr(build_id, "ROOT", tmp_path)
    (tmp_path / "workflows").mkdir()
    code = tmp_path / "workflows" / "run.py"
    names: list[str] = []
    for text in ("a", "b", "a"):
        code.write_text(text)
        names.append(build_id.compute_build_id())
    assert names[0] == names[2] != names[1]
    nested = tmp_path / "activities" / "model" / "call.py"
    nested.parent.mkdir(parents=True)
    for text in ("a", "b"):
        nested.write_text(text)
        names.append(build_id.compute_build_id())
    nested.rename(nested.with_name("http_call.py"))
    names.append(build_id.compute_build_id())
    assert len(set(names)) == 5, names
