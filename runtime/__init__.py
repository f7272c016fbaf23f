"""Everything around the workflows: connection, worker, command line, what people see.

Rooms import downwards only: errors, paths < text < logs < temporal < worker, request < preview, session < doctor < cli.
"""
