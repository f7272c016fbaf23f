"""What happens, in order, durably. Deterministic code only; imports nothing but `quire`."""
