"""Starts the embedded server at the home and the port of the environment."""

import asyncio

from runtime.temporal import embedded_server
from runtime.temporal.settings import get_server_home, get_server_port
from runtime.worker.current_process import exit_now

if __name__ == "__main__":
    asyncio.run(embedded_server.start_server(get_server_home(), get_server_port()))
    exit_now(0)
