"""Embedding and reranking models as settings: known by name, written down, tried."""
