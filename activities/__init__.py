"""All I/O: models, the store, documents, MLflow. The top of this folder holds the activities, and what all of them use.

Rooms import downwards only: known_secrets < errors, optional_packages, heartbeats < limits, store < model, documents,
output < duplicates, report < tracking < the activities < registry.
"""
