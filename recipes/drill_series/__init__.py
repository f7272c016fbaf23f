"""Backgammon drills over real positions."""
