"""The API that OpenAI's clients speak, asked by the official client over a real connection."""
