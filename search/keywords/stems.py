"""Stem the tokens of questions and passages alike, so that they compare whatever engine keeps them."""

from functools import cache

import tantivy

from search.keywords.tokens import asked_tokens, compounds

MOST_QUERY_TOKENS = 128


def query_tokens(words: str) -> list[str]:
    """The tokens of a question and its compounds, stemmed as those of the passages are, each once, at most 128."""
    return list(dict.fromkeys(analyzer().analyze(" ".join([*asked_tokens(words), *compounds(words)]))))[
        :MOST_QUERY_TOKENS
    ]


@cache
def analyzer() -> tantivy.TextAnalyzer:
    """Splits at spaces and stems English; the cutting into tokens is ours (tokens.py)."""
    whitespace = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
    return whitespace.filter(tantivy.Filter.stemmer("english")).build()


def stems(tokens: list[str]) -> list[str]:
    """The tokens, stemmed, as often and in the order as they stand."""
    return analyzer().analyze(" ".join(tokens))
