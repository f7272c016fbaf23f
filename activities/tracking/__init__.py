"""Runs logged to an MLflow server."""
