"""Pages of people and knowledge bases."""
