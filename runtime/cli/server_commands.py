"""`up` and `down`: the embedded server, with a worker beside it."""

import asyncio
import signal

from runtime import logs
from runtime.temporal import embedded_server
from runtime.temporal.connection import open_connection
from runtime.temporal.settings import get_server_home
from runtime.text import console
from runtime.worker.host import host_worker


async def up() -> int:
    """Run the embedded server, its Web UI and a worker until Ctrl-C. Unfinished runs continue by themselves."""
    logs.configure_logging()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_connection(start_embedded=True) as connection:
        async with host_worker(connection.client) as worker:
            console.print_note(f"Temporal   {connection.address}")
            if connection.web_ui:
                console.print_note(f"Web UI     {connection.web_ui}")
            model = "offline simulator: text is simulated" if worker.simulated else "endpoint"
            console.print_note(f"Model      {model}")
            console.print_note("Ready. Ctrl-C stops the worker and the embedded server; runs are kept.")
            await stop.wait()
            console.print_note("Finishing the calls in flight")
        if connection.embedded:
            await embedded_server.stop_server(get_server_home())
    return 0


async def down() -> int:
    """Stop an embedded server that was left running. Runs are kept, and continue at the next start."""
    is_stopped = await embedded_server.stop_server(get_server_home())
    print("stopped" if is_stopped else f"no embedded server of {get_server_home()} is running")
    return 0
