"""The generations of a knowledge base's index: built beside one another, switched between."""
