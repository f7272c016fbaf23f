"""The vocabulary and the pure rules of Quire. Imports nothing else of ours and does no I/O."""
