"""Runs `check` for a request and prints its peak memory, in MB, to standard error."""

import sys

from starter import main
from tests.support.memory import peak_mb

if __name__ == "__main__":
    sys.argv = ["starter.py", "check", sys.argv[1], "--json"]
    code = main()
    print(int(peak_mb()), file=sys.stderr)
    sys.exit(code)
