"""Evaluation cases in categories."""
