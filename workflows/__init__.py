"""What happens, in order, durably: deterministic code that imports only `quire`.

The workflow definitions are on top, beside the dispatcher of shards. Rooms import downwards only: state < display <
shards < run < the files on top.
"""
