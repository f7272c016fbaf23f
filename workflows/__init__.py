"""What happens, in order, durably: workflow definitions on top, deterministic code only, imports nothing but `quire`.

Rooms import downwards only: state < display < shards < run < the workflows.
"""
