"""An OpenAI-compatible endpoint that works offline. It imports nothing of Quire and is reached by HTTP only."""
