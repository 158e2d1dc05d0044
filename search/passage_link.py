"""Where a number of an answer leads: into the viewer, at the passage."""

from django.urls import reverse

from search.models import Citation

MOST_MARKS = 20


def passage_url(citation: Citation, *, is_own: bool = True) -> str:
    """The document opened at the passage; for others than whose answer it is, at the same stretch of its text.

    Of a citation without a document, the place where it is quoted.
    """
    if citation.document_id is None:
        return f"#source-{citation.pk}"
    address = reverse("document", args=[citation.document_id])
    return f"{address}?{f'citation={citation.pk}' if is_own else _stretch(citation)}#passage"


def _stretch(citation: Citation) -> str:
    marks = "".join(f"&mark={start}-{end}" for start, end in citation.marks[:MOST_MARKS])
    return f"start={citation.start}&end={citation.end}{marks}"
