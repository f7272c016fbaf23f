"""Runs logged to an MLflow server. Order: mlflow_client < run_claim, batch_records < batch_log < run_end."""
