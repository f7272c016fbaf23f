"""An OpenAI-compatible endpoint that works offline. A stranger: it imports nothing of Quire and speaks HTTP."""
