"""All I/O: the model, the store, documents. The top of this folder holds the activities; what they use is in the rooms.

Rooms import downwards only: errors, optional_packages < limits, store < model, documents, output < duplicates, report
< tracking < the activities < registry.
"""
