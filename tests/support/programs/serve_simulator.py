"""Serves a simulator with a latency of 0.3 s at the address in the first argument, `HOST:PORT`."""

import socket
import sys

from simulator.http_app import Simulator
from simulator.options import Options
from simulator.server import build_server

if __name__ == "__main__":
    host, _, port = sys.argv[1].partition(":")
    build_server(Simulator(Options(latency=0.3))).run(sockets=[socket.create_server((host, int(port)))])
