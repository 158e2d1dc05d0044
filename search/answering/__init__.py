"""The process that talks with language models: it writes answers on, whoever is looking."""
