"""What is counted of a text where the model's own tokenizer is not at hand."""

import pytest

from search.tokenize import EstimatingTokenizer, estimated


@pytest.mark.parametrize("text", ["", "The kettle is descaled.", "水壶每月除垢一次。", "Naïve 😀 – ok", "\ud83d half"])
def test_a_text_that_is_only_counted_has_as_many_tokens_as_one_that_is_cut(text):
    assert estimated(text) == len(EstimatingTokenizer().encode_batch([text])[0].ids)
