"""What people see of a workflow: its page in the Web UI, search attributes, the answers to queries."""
