# just check | test | run | bench
default: check test

check:
    uv run ruff check . && uv run ruff format --check . && uv run pyright

test:
    uv run pytest

run:
    uv run starter.py run examples/oq_suite.yaml

bench:
    uv run python -m benchmarks.speed
