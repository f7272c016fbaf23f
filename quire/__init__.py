"""The vocabulary and the pure rules of Quire: no import of other Quire packages, no I/O."""
