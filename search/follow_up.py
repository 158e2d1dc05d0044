"""Make a question that leans on the one before it stand alone."""

import re
from collections.abc import Sequence

from search.terms import CJK_STOP, IS_CJK, STOP_WORDS, TOKEN, bag_of, is_cjk, terms_of

OPENING = re.compile(
    r"^\s*(?:and|or|but|so|then|also|what about|how about|what if|same (?:for|with)|ok(?:ay)?,?)\b[\s,]*"
    r"|^\s*(?:那么|那|还有|另外|然后|而|那麼|還有)[，,\s]*(?!个|個|些|年|时|時|天|里|裡)",
    re.I,
)
BARE = re.compile(
    r"^\s*(?:(?:and|but|so)\s+)?(?:why(?: not| so)?|how(?: so| come)?|when|where|who|which(?: ones?)?|what else|"
    r"how (?:many|much|long|often|far|old)|since when|by whom|for what|"
    r"really|more|continue|go on|examples?)\s*[?.!]*\s*$"
    r"|^\s*(?:为什么|為什麼|怎么办|怎么做|如何做|什么时候|何时|在哪里|哪里|谁|多少|多久|多少钱|还有吗|然后呢|比如|例如|详细说说|继续)[呢呀啊]?[？?。!！]*\s*$",
    re.I,
)
PRONOUN = re.compile(
    r"\b(?:it|its|he|him|his|she|her|hers|they|them|their|theirs|this|these|those|the same|"
    r"the (?:former|latter|first|second|other) one|such|there(?!\s+(?:is|are|was|were|any|be|a|an)\b)|"
    r"that(?=\s*(?:[?.!,]|$|is\b|was\b|one\b|mean\b|work\b|cost\b|happen\b)))\b",
    re.I,
)
CLAUSE = re.compile(r"\b(?:when|if|while|because|after|before|until|unless|that|so|once|since|although)\s+$", re.I)
EXPLETIVE = re.compile(
    r"\b(?:is|was|does|did|will) it (?:that|possible|necessary|true|allowed|take to|rain)\b|"
    r"\bthere (?:is|are|was|were)\b",
    re.I,
)
CJK_PRONOUN = re.compile(
    "它|牠|他|她|其(?![他它中实余间次])|该|該|此|这(?!样|种情况)|這|(?:^|[，,])那(?:个|個|些|里|裡)"
)
CJK_WHAT_ABOUT = re.compile(r"呢\s*[？?。!！]*\s*$")
NAME = re.compile(r"(?<![.?!]\s)(?<!^)\b[A-Z][\w’'-]*(?:\s+(?:of|the|de|von|van)?\s*[A-Z][\w’'-]*)*")
NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*%?")
LONG = 5  # content terms with which a question says itself what it is about


def standalone(question: str, history: Sequence[str]) -> str:
    """The question, completed from the last of the questions before it where it leans on that one.

    A number or a name that takes another's place is put there ("and in 2019?"); anything else gets the earlier
    question's content words after it. A question that stands alone comes back as it is.
    """
    question = question.strip()
    earlier = next((text.strip() for text in reversed(history) if text.strip()), "")
    if not earlier or not leans(question):
        return question
    return _exchanged(question, earlier) or _completed(question, earlier)


def leans(question: str) -> bool:
    """Whether it can be understood only after another question."""
    terms = set(terms_of(question))
    if not terms or BARE.match(question):
        return True
    if is_cjk(question):
        few = len(terms) <= 2 and not _names(question)
        return few or _leans_in_chinese(question, len(terms))
    if OPENING.match(question) and len(terms) < LONG:
        return True
    return _has_open_pronoun(question) or (len(terms) <= 1 and not _names(question) and len(question.split()) <= 3)


def _leans_in_chinese(question: str, terms: int) -> bool:
    if CJK_WHAT_ABOUT.search(question) or OPENING.match(question):
        return terms <= 2 * LONG
    pronoun = CJK_PRONOUN.search(question)
    return pronoun is not None and len(set(terms_of(question[: pronoun.start()]))) < LONG - 1


def _has_open_pronoun(question: str) -> bool:
    """A pronoun with nothing before it in the question that it could stand for."""
    pronoun = PRONOUN.search(EXPLETIVE.sub(" ", question))
    if not pronoun:
        return False
    before = pronoun.string[: pronoun.start()]
    said = len(terms_of(before))
    return not NAME.search(before) and said < LONG - 2 and not (said and CLAUSE.search(before))


def _names(text: str) -> list[str]:
    return [match.group() for match in NAME.finditer(text)]


def _exchanged(question: str, earlier: str) -> str:
    """The earlier question with its only number or name replaced, where the new one brings nothing but another."""
    if BARE.match(question):
        return ""
    rest = CJK_WHAT_ABOUT.sub("", OPENING.sub("", question)).strip(" ?？.!。！,，")
    rest = re.sub(r"^(?:in|for|at|on|of|with|about|from|by|during)\s+|^(?:在|对|关于)", "", rest, flags=re.I)
    for pattern in (NUMBER, NAME):
        new, old = (
            pattern.fullmatch(" " + rest if pattern is NAME else rest, int(pattern is NAME)),
            pattern.findall(earlier),
        )
        if new and len(set(old)) == 1:
            return earlier.replace(old[0], new.group())
    year = re.fullmatch(rf"({NUMBER.pattern})\s*年", rest)
    if year and len(old := re.findall(rf"{NUMBER.pattern}(?=\s*年)", earlier)) == 1:
        return earlier.replace(old[0], year[1])
    return ""


def _completed(question: str, earlier: str) -> str:
    known = bag_of(question)
    leave_numbers = bool(NUMBER.search(question))
    words = [word for word in _content_words(earlier) if not set(terms_of(word)) <= known]
    words = [word for word in words if not (leave_numbers and NUMBER.fullmatch(word))]
    return " ".join([question, *dict.fromkeys(words)])


def _content_words(text: str) -> list[str]:
    """The words that carry meaning, as they are written; Chinese in the pieces between its function words."""
    words: list[str] = []
    for token in TOKEN.finditer(text):
        if IS_CJK.match(token.group()):
            words += [piece for piece in CJK_STOP.split(token.group()) if len(piece) > 1]
        elif token.group().lower() not in STOP_WORDS:
            words.append(token.group())
    return words
