"""Templates that explode cost neither the memory nor the time of the process that renders them."""

import json
import subprocess
import sys
import time

import pytest

from recipes.base.recipe import InputError
from recipes.custom.template_growth import can_expression_grow, can_template_grow
from recipes.custom.templates import Templates
from runtime.paths import ROOT
from tests.support.bad_requests import BOMBS

GROWING = (
    "{{ a * 2 }}", "{{ a.replace('a', 'b') }}", "{{ a|replace('a', b) }}", "{% set a = b %}", "{{ a[b](c) }}",
    "{% for a in b %}{% endfor %}", '{{ "}}" ~ a * b }}', "{{ a|join(b) }}", "{{ a|json|json|json|json }}",
    "{% raw %}{% endraw %}", "{{ a|format(b) }}", "{{ range(9) }}", "{% macro a() %}{% endmacro %}", "x" * 200_000,
)  # fmt: skip
MEASURE = """
import json, resource, sys, time
from recipes.base.recipe import InputError
from recipes.custom.templates import Templates
templates, rows = Templates(), []
for bomb in json.loads(sys.stdin.read()):
    began = time.perf_counter()
    try:
        templates.render(bomb, {}, "field")
        message = "rendered"
    except InputError as error:
        message = str(error)
    rows.append((message, time.perf_counter() - began))
# of this process, the peak since its start: ru_maxrss would be that of the tests from which it was forked
own = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
peaks = [int(own.split()[1]) // 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024]
print(json.dumps([rows, peaks]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is bounded on Linux only")
def test_no_bomb_takes_200_mb_or_long_and_each_is_explained():
    ended = subprocess.run(
        [sys.executable, "-c", MEASURE], input=json.dumps(BOMBS), cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    rows, peaks = json.loads(ended.stdout)
    assert max(peaks) < 200, f"{peaks} MB"
    for bomb, (message, seconds) in zip(BOMBS, rows, strict=True):
        assert seconds < 8 and "template" in message, (bomb, message, seconds)


def test_a_template_works_after_another_has_exploded():
    templates, common = Templates(), {"params": {"words": ["a", "b"]}}
    with pytest.raises(InputError, match="MB of memory"):
        templates.render(BOMBS[0], {}, "field", common)
    loop = "{% for word in params.words %}{{ word }}{{ number }}{% endfor %}"
    assert templates.render(loop, {"number": 1}, "field", common) == "a1b1"
    assert templates.render(loop, {"number": 2}, "field", common) == "a2b2"
    assert templates.render(loop, {"number": 2}, "field", {"params": {"words": "c"}}) == "c2"
    with pytest.raises(InputError, match="nothing"):
        templates.render("{% for word in nothing %}{% endfor %}", {}, "field", common)
    assert templates.is_true("item.price * 2 > 3", {"item": {"price": 2}}, "field", common)


def test_long_texts_are_refused_before_they_are_put_together():
    with pytest.raises(InputError, match="letters"):
        Templates().render("{{ text }}" * 50, {"text": "x" * 1_000_000}, "field")


def test_both_ways_of_rendering_give_the_same_text():
    values = {"a": "Zürich", "b": [1, "x"], "c": {"d": 1.5}, "e": True, "f": None, "n": 7}
    templates = Templates()
    for tame in ("{{ a }} {{ b }} {{ c }} {{ e }} {{ f }}", "{{ a|upper }} {{ n // 2 }} {{ c.d }}", "{{ c|json }}"):
        assert not can_template_grow(tame)
        assert templates.render(tame, values, "field") == templates.render(f"{tame}{{% set x = 1 %}}", values, "field")


@pytest.mark.parametrize("template", GROWING)
def test_what_may_grow_runs_elsewhere(template):
    assert can_template_grow(template)


@pytest.mark.parametrize(
    "expression", ["item.a > 3 and item.b in row.c", "item.a|length <= 9", "not item.a is defined"]
)
def test_common_conditions_run_here_and_fast(expression):
    assert not can_expression_grow(expression)
    began = time.perf_counter()
    for _ in range(1000):
        Templates().is_true("item.a > 3", {"item": {"a": 4}}, "field")
    assert time.perf_counter() - began < 2
