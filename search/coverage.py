"""Say how much of a question an embedding model can read."""

from search.models import Preset
from search.tokenize import EstimatingTokenizer, tokenizer_of

UNKNOWN = ("[UNK]", "<unk>")


def coverage(preset: Preset, question: str) -> float:
    """The share (0 to 1) of the question's characters that the model's vocabulary has a token for.

    A model that was not made for a script reads most of it as [UNK]: all-MiniLM-L6-v2 knows a third of the
    characters of a Chinese question, and what it finds then is nearly noise. 1 where the vocabulary is not at hand.
    """
    tokenizer = tokenizer_of(preset)
    if isinstance(tokenizer, EstimatingTokenizer):
        return 1.0
    unknown = {tokenizer.token_to_id(token) for token in UNKNOWN} - {None}
    encoded = tokenizer.encode(question, add_special_tokens=False)
    lengths = [end - start for start, end in encoded.offsets]
    unread = sum(length for token, length in zip(encoded.ids, lengths, strict=True) if token in unknown)
    return 1.0 - unread / sum(lengths) if sum(lengths) else 1.0
