"""Tell the language of a text from its script, and among Latin scripts from its commonest words."""

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
_ASKING = {  # what questions have besides: asking words, and what is done with them
    "en": "how what who whom whose when where why which can could may must should do does did will we you i my our a "
          "an if there any many much long after before",
    "de": "wie was wer wem wen wann wo warum wieso welche welcher welches welchen wieviel muss müssen darf dürfen kann "
          "können soll wird wurde hat haben gibt es ich wir man sind war bei oder wenn nach zum zur vom am er viele",
    "fr": "comment combien quand où pourquoi quel quelle quels quelles quoi peut doit faut est-ce je nous vous on il "
          "elle ils elles y a-t-il de à en ou si mon ma mes notre nos l d qu t",
    "es": "cómo cuánto cuánta cuántos cuántas cuándo dónde quién quiénes qué cuál cuáles puede puedo debe hay está si "
          "mi nuestro nuestra son",
    "it": "come quanto quanta quanti quante quando dove chi perché cosa quale quali può deve posso devo c'è ci viene "
          "se i lo da in al dal sul mio nostro l dell nell",
    "pt": "quanto quanta quantos quantas quando onde quem porque qual quais pode posso deve há está são minha meu "
          "nosso nossa pelo pela",
    "pl": "ile kiedy gdzie kto dlaczego jaki jaka jakie który która które czy co można trzeba mogę ma a ze we",
    "sv": "hur när var vem varför vilken vilket vilka vad kan får ska måste jag vi man i de eller många ofta mycket "
          "länge finns blir",
    "tr": "nasıl nedir neden niçin kim nerede hangi kaç mı mi mu mü eder olur gerekir mıdır midir",
    "hu": "hogyan mennyi mikor hol ki miért melyik milyen mi kell lehet hány ha és szabad",
    "vi": "bao nhiêu nào ai đâu sao thế gì như phải bạn tôi hay thì bị ở",
    "nl": "hoe wat wie wanneer waar waarom welke hoeveel kan mag moet moeten wordt heeft ik we wij of er bij vaak veel "
          "je mijn onze in",
    # told from the ones above, so that a question in one is not taken for one in its neighbour
    "da": "hvordan hvad hvem hvornår hvor hvorfor hvilken hvilket hvilke og at det som en på er af for den med til et "
          "ikke om har kan må skal jeg vi man i de eller mange ofte meget længe bliver findes",
    "no": "hvordan hva hvem når hvor hvorfor hvilken hvilket hvilke og at det som en på er av for den med til et ikke "
          "om har kan må skal jeg vi man i de eller mange ofte mye lenge blir finnes",
    "fi": "miten mitä mikä kuka milloin koska missä miksi kuinka paljon usein on ja ei se että voi pitää saa tai kun "
          "ovat mitkä monta",
    "cs": "jak co kdo kdy kde proč který která které kolik je a v na s se z do že o k pro za ve si nebo může musí lze",
    "sk": "ako čo kto kedy kde prečo ktorý ktorá ktoré koľko je a v na s sa z do že o k pre za vo si alebo môže musí",
    "ro": "cum ce cine când unde care cât câtă câți câte și de la în este un o pe cu nu din pentru se sau poate "
          "trebuie are sunt",
    "ca": "com què qui quan on quin quina quins quines quant quants per el la els les de del i a en un una és amb no "
          "que es pot cal hi ha",
    "af": "hoe wat wie wanneer waar waarom watter hoeveel is die en van in nie vir 'n met op te kan moet mag word het "
          "ek ons",
    "id": "bagaimana apa siapa kapan mana mengapa kenapa berapa yang di dan untuk dengan ini itu dari tidak pada "
          "adalah dalam apakah bisa harus boleh",
    "hr": "kako što tko kada kad gdje zašto koji koja koje koliko je i u na s se da za od do ne li može mora treba",
}  # fmt: skip
_ASKED = {name: _COMMON.get(name, frozenset()) | frozenset(words.split()) for name, words in _ASKING.items()}
_TELLING = {  # letters that one of the languages of a script has, and letters that it has not
    "ru": (re.compile("[ыэё]|\\b(?:что|кто|где|когда|сколько|почему|какие|или|если|нужно|можно|есть)\\b"),
           re.compile("[іїєґўјљњћђ]")),
    "uk": (re.compile("[їєґ]|\\b(?:як|скільки|хто|коли|чому|який|чи)\\b"), re.compile("[ыэёўъ]")),
    "el": (re.compile("[\u0370-\u03ff]{2}"), re.compile("(?!)")),
    "he": (re.compile("[\u05d0-\u05ea]{2}"), re.compile("(?!)")),
    "ar": (re.compile("ة|\\bال|\\b(?:ما|كم|كيف|متى|أين|من|هل|لماذا)\\b"), re.compile("[پچژگکیٹڈڑےۓ]")),
    "hi": (re.compile("है|में|का|की|के|क्या|कैसे|कितन"), re.compile("[ळ]|आहे|छ")),
    "th": (re.compile("[\u0e01-\u0e2e]{2}"), re.compile("(?!)")),
}  # fmt: skip
LANGUAGES = frozenset({*_ASKED, *_TELLING, "zh", "ja", "ko"})  # that language_of_question tells
_SAMPLE = 20_000
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)+")
_LETTERS = re.compile(r"[^\W\d_]+")
ENOUGH = 3


def language_of(texts: Sequence[str]) -> str:
    """An ISO 639-1 code, or "" where the text is too short or too mixed to tell. Looks at 20,000 characters."""
    sample = _sample(texts)
    counts = _counts(sample)
    cjk = counts["kana"] + counts["han"] + counts["ko"]
    if cjk * 6 > counts["latin"] and cjk >= 2:  # a character says as much as three letters, and code is Latin
        return _cjk(counts)
    script = max(counts, key=lambda name: counts[name] if name == "latin" else 3 * counts[name])
    if script != "latin":
        return script if counts[script] >= 4 else ""
    return _latin(sample)


def language_of_question(question: str) -> str:
    """The same for one sentence, and "" wherever another language is at all likely.

    "Wie oft?" is left open, "Wie oft wird er entkalkt?" is not.
    """
    text = question.lower()
    counts = _counts(text)
    cjk = counts["kana"] + counts["han"] + counts["ko"]
    if cjk * 3 > counts["latin"]:
        return "" if _asked_in(text) else _cjk(counts)
    if counts["latin"] * 2 > sum(counts.values()):
        return _asked_in(text)
    fits = [name for name, (has, has_not) in _TELLING.items() if has.search(text) and not has_not.search(text)]
    return fits[0] if len(fits) == 1 else ""


def _asked_in(question: str) -> str:
    """By two words at least, of which those that no other language has count twice; ¿ and ß are one language's alone.

    No other language may have more than half as much.
    """
    words = set(_WORD.findall(question)) | set(_LETTERS.findall(question))
    shared = Counter(word for known in _ASKED.values() for word in words & known)
    worth = {word: 2 if shared[word] == 1 else 1 for word in words}
    scores = Counter({name: sum(worth[word] for word in words & known) for name, known in _ASKED.items()})
    scores["es"] += 2 * ("¿" in question)
    scores["de"] += 2 * ("ß" in question)
    (best, most), (_, second) = scores.most_common(2)
    return best if most >= ENOUGH and most >= 2 * second else ""


def _counts(text: str) -> dict[str, int]:
    return {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}


def _sample(texts: Sequence[str]) -> str:
    """Texts from all over the document, to the size of the sample."""
    step = max(1, sum(map(len, texts)) // _SAMPLE)
    return "\n".join(text[:2000] for text in texts[:: min(step, max(1, len(texts) // 10))])[:_SAMPLE]


def _cjk(counts: dict[str, int]) -> str:
    if counts["ko"] > counts["han"] + counts["kana"]:
        return "ko"
    return "ja" if counts["kana"] * 20 > counts["han"] else "zh"


def _latin(sample: str) -> str:
    words = Counter(_LETTERS.findall(sample.lower()))
    scores = {language: sum(words[word] for word in common) for language, common in _COMMON.items()}
    best, second = sorted(scores, key=lambda name: scores[name], reverse=True)[:2]
    several = sum(word in words for word in _COMMON[best]) >= 3
    enough = several and scores[best] >= words.total() // 25
    return best if enough and scores[best] > scores[second] else ""
