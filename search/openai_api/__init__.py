"""The API that OpenAI's clients speak: /v1/models, /v1/embeddings, /v1/chat/completions, /v1/rerank."""
