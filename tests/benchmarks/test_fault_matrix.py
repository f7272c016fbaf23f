"""The matrix of benchmarks/faults.py at a small latency: 200 items, 20 calls in flight, each fault at 5, 20 and 50
%."""

import pytest

from benchmarks import faults

CASES = [*((fault, share) for fault in faults.FAULTS for share in faults.SHARES), (faults.ALL, faults.ALL_AT_ONCE)]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("fault", "share"), CASES)
async def test_no_item_is_lost_or_wrong_under_any_fault(client, tmp_path, monkeypatch, fault, share):
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    figures = await faults.run_with_fault(client, str(tmp_path), fault, share, latency=0.02)
    assert (figures["lost"], figures["wrong"]) == (0, 0)
    if fault == "refusal":
        assert figures["items"] + figures["reported"] == 200
    else:
        assert figures["items"] == 200
    if (fault, share) == ("cut_off", 0.2):
        assert figures["wasted"] < 0.05
