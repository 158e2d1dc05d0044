"""What tantivy is asked, and how much each word counts: BM25 over the indexes that are asked, as if they were one."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import log

import tantivy

from search.keywords import Entry, Hit
from search.keywords.stems import query_tokens
from search.keywords.tokens import is_one_character, tokens_of

STEMS = "stems"
BOOSTS = {"text": 1.0, "heading": 0.7, "title": 0.7}
ONE_CHARACTER = 0.5  # the weight of a single CJK character, where a pair has 1
K1, B = 1.2, 0.75  # tantivy's
TIMES = 3.0  # that a word stands in a passage which answers; from 2 to 4 makes no difference
PAGE = 1000

Weights = dict[tuple[str, str], float]  # of (field, token)
Scored = tuple[float, tantivy.DocAddress]


def _schema() -> tantivy.Schema:
    """`all` is 1 in every entry, so that the index says in how many entries it counts words: BM25's N."""
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("chunk", indexed=True, fast=True)
    builder.add_unsigned_field("all", indexed=True)
    for field in BOOSTS:
        builder.add_text_field(field, tokenizer_name=STEMS, index_option="freq")
        builder.add_unsigned_field(_length(field), fast=True)
    return builder.build()


def _length(field: str) -> str:
    return f"{field}_length"


SCHEMA = _schema()


def document(entry: Entry) -> tantivy.Document:
    """An entry as tantivy takes it."""
    tokens = {field: list(tokens_of(getattr(entry, field))) for field in BOOSTS}
    texts = {field: " ".join(each) for field, each in tokens.items()}
    lengths = {_length(field): len(each) for field, each in tokens.items()}
    return tantivy.Document.from_dict({"chunk": entry.chunk_id, "all": 1, **texts, **lengths}, SCHEMA)


class Contents:
    """What is in a folder by one commit. What tantivy raises comes through."""

    def __init__(self, searcher: tantivy.Searcher) -> None:
        self._searcher = searcher

    @property
    def count(self) -> int:
        return self._searcher.num_docs

    @cached_property
    def counted(self) -> int:
        """In how many entries words are counted: those that were removed lately are among them."""
        return self.frequency("all", 1)

    @cached_property
    def lengths(self) -> dict[str, float]:
        """The mean number of tokens in each field."""
        wanted = {field: {"avg": {"field": _length(field)}} for field in BOOSTS}
        found = self._searcher.aggregate(tantivy.Query.all_query(), wanted)
        return {field: found[field]["value"] or 0.0 for field in BOOSTS}

    def frequency(self, field: str, token: str | int) -> int:
        return self._searcher.doc_freq(field, token)

    def having_all_of(self, word: str) -> int:
        """The number of entries with every token of a word, each in any of the fields."""
        return self._searcher.search(_all_of(word), 1, count=True).count  # type: ignore[attr-defined]

    def ids(self) -> list[int]:
        """With a chunk for each entry, so that one that is there twice is seen."""
        everything = tantivy.Query.const_score_query(tantivy.Query.all_query(), 1.0)
        return [hit.chunk_id for hit in self.hits(self._found(everything, self.count))] if self.count else []

    def having(self, chunk_ids: Sequence[int]) -> set[int]:
        """Those of the chunks that have an entry."""
        pages = (chunk_ids[start : start + PAGE] for start in range(0, len(chunk_ids), PAGE))
        return {hit.chunk_id for page in pages for hit in self.hits(self._found(of_chunks(page), len(page)))}

    def best(self, weights: Weights, limit: int) -> list[Scored]:
        """Scores and places of the best, which `hits` makes chunks of."""
        return self._found(_any_of(weights), limit) if weights else []

    def hits(self, found: Sequence[Scored]) -> list[Hit]:
        chunk_ids = self._searcher.fast_field_values("chunk", [address for _, address in found])
        return [Hit(int(pk or 0), float(score)) for (score, _), pk in zip(found, chunk_ids, strict=True)]

    def _found(self, query: tantivy.Query, limit: int) -> list[Scored]:
        return self._searcher.search(query, limit, count=False).hits


def weigh(tokens: Sequence[str], asked: Sequence[Contents]) -> list[Weights]:
    """How much each token counts in each of the indexes that are asked; one that is asked alone has plain BM25.

    tantivy weighs a token by its rarity in one index. Of several, that is divided out and the rarity in all of them
    put in its place. And it measures a passage by the mean length in its index: passages of an index of long ones
    are held back, those of short ones put forward, as a passage of mean length would be. So their scores compare.
    """
    plain = {
        (field, token): boost * (ONE_CHARACTER if is_one_character(token) else 1.0)
        for token in tokens
        for field, boost in BOOSTS.items()
    }
    if len(asked) < 2:
        return [plain for _ in asked]
    frequencies = [{key: n for key in plain if (n := one.frequency(*key))} for one in asked]
    total = sum(one.counted for one in asked)
    rarity = {key: _rarity(total, sum(each.get(key, 0) for each in frequencies)) for key in plain}
    return [
        {key: plain[key] * rarity[key] / _rarity(one.counted, n) * lengths[key[0]] for key, n in each.items()}
        for one, each, lengths in zip(asked, frequencies, _by_lengths(asked), strict=True)
    ]


def _rarity(total: int, frequency: int) -> float:
    """BM25's idf as tantivy has it (Robertson and Zaragoza 2009, without negative values)."""
    return log(1 + (total - frequency + 0.5) / (frequency + 0.5))


def _by_lengths(asked: Sequence[Contents]) -> list[Mapping[str, float]]:
    """For each index, by field: what a word counts in a passage of its mean length, by the mean of all."""
    total = sum(one.count for one in asked)
    means = {field: sum(one.count * one.lengths[field] for one in asked) / total for field in BOOSTS}
    return [{field: _held_back(one.lengths[field], means[field]) for field in BOOSTS} for one in asked]


def _held_back(length: float, mean: float) -> float:
    """What BM25 gives to a word in a passage of this length, as a share of what it gives in one of mean length."""
    return (TIMES + K1) / (TIMES + K1 * (1 - B + B * length / mean)) if mean else 1.0


def _any_of(weights: Weights) -> tantivy.Query:
    """BM25 over every field, each part times its weight."""
    terms = (
        tantivy.Query.boost_query(tantivy.Query.term_query(SCHEMA, field, token, "freq"), weight)
        for (field, token), weight in weights.items()
    )
    return tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])


def _all_of(word: str) -> tantivy.Query:
    anywhere = (
        tantivy.Query.boolean_query(
            [(tantivy.Occur.Should, tantivy.Query.term_query(SCHEMA, field, token)) for field in BOOSTS]
        )
        for token in query_tokens(word)
    )
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, one) for one in anywhere])


def of_chunks(chunk_ids: Sequence[int]) -> tantivy.Query:
    """The entries of these chunks."""
    return tantivy.Query.term_set_query(SCHEMA, "chunk", list(chunk_ids))
