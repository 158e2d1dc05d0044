"""Tell the language of a document from its script, and among Latin scripts from its commonest words."""

import re
from collections import Counter
from collections.abc import Sequence

_SCRIPTS = {
    "kana": re.compile(r"[\u3041-\u30fa\uff66-\uff9d]"),
    "ko": re.compile(r"[\uac00-\ud7a3\u1100-\u11ff]"),
    "han": re.compile(r"[\u3400-\u9fff]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "latin": re.compile(r"[A-Za-z\u00c0-\u024f]"),
}
_WORDS = {
    "en": "the of and to in is that it for was with as on are this by be from at which or not have",
    "de": "der die und das ist nicht ein eine den von zu mit auf für im dem des sich als auch werden",
    "fr": "le la les des et est une un dans que pour qui sur au du pas par avec sont ce plus aux",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más pero sus o",
    "it": "il di che è la per un una non sono con del della gli nel alla dei anche si le",
    "pt": "de a o que e do da em um para é com não uma os no se na por mais as dos como mas ao",
    "pl": "w i na z do nie się jest o że to od po przez dla oraz za jak ale są być",
    "sv": "och att det som en på är av för den med till ett inte om har",
    "tr": "ve bir bu için ile da de çok gibi olarak olan daha ne kadar ama var",
    "hu": "a az és hogy nem egy is ez van volt meg de csak mint még vagy",
    "vi": "và của là có không được cho các một những trong với để người này khi",
    "nl": "de het een van en is dat niet op te zijn voor met aan door ook worden bij naar",
}
_COMMON = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_SAMPLE = 20_000


def language_of(texts: Sequence[str]) -> str:
    """An ISO 639-1 code, or "" where the text is too short or too mixed to tell. Looks at 20,000 characters."""
    sample = _sample(texts)
    counts = {name: len(pattern.findall(sample)) for name, pattern in _SCRIPTS.items()}
    cjk = counts["kana"] + counts["han"] + counts["ko"]
    if cjk * 6 > counts["latin"] and cjk >= 2:  # a character says as much as three letters, and code is Latin
        return _cjk(counts)
    script = max(counts, key=lambda name: counts[name] if name == "latin" else 3 * counts[name])
    if script != "latin":
        return script if counts[script] >= 4 else ""
    return _latin(sample)


def _sample(texts: Sequence[str]) -> str:
    """Texts from all over the document, to the size of the sample."""
    step = max(1, sum(map(len, texts)) // _SAMPLE)
    return "\n".join(text[:2000] for text in texts[:: min(step, max(1, len(texts) // 10))])[:_SAMPLE]


def _cjk(counts: dict[str, int]) -> str:
    if counts["ko"] > counts["han"] + counts["kana"]:
        return "ko"
    return "ja" if counts["kana"] * 20 > counts["han"] else "zh"


def _latin(sample: str) -> str:
    words = Counter(re.findall(r"[^\W\d_]+", sample.lower()))
    scores = {language: sum(words[word] for word in common) for language, common in _COMMON.items()}
    best, second = sorted(scores, key=lambda name: scores[name], reverse=True)[:2]
    several = sum(word in words for word in _COMMON[best]) >= 3
    enough = several and scores[best] >= words.total() // 25
    return best if enough and scores[best] > scores[second] else ""
