"""Prints the signature of the text in the first argument, in hex."""

import sys

from quire.similarity import NearIndex

if __name__ == "__main__":
    sys.stdout.write(NearIndex(0.9).sign([sys.argv[1]])[0].hex())
