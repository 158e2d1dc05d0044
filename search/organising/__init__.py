"""Find what belongs together in a knowledge base: versions, topics, tags."""
