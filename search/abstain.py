"""Tell whether an answer says that the documents have none."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import dropwhile, zip_longest

from search.claims import Claim, claims_of

SENTENCES = {  # language -> what a model is told to write then
    "en": "The documents do not answer this question.",
    "de": "Die Dokumente beantworten diese Frage nicht.",
    "fr": "Les documents ne répondent pas à cette question.",
    "es": "Los documentos no responden a esta pregunta.",
    "it": "I documenti non rispondono a questa domanda.",
    "pt": "Os documentos não respondem a esta pergunta.",
    "nl": "De documenten beantwoorden deze vraag niet.",
    "sv": "Dokumenten besvarar inte den här frågan.",
    "da": "Dokumenterne besvarer ikke dette spørgsmål.",
    "no": "Dokumentene besvarer ikke dette spørsmålet.",
    "pl": "Dokumenty nie odpowiadają na to pytanie.",
    "ru": "В документах нет ответа на этот вопрос.",
    "zh": "文档中没有这个问题的答案。",
    "ja": "文書にはこの質問の答えがありません。",
    "ko": "문서에는 이 질문에 대한 답이 없습니다.",
}
TRADITIONAL = "文檔中沒有這個問題的答案。"

SORRY = (
    r"(?:(?:(?:(?:i['’]m|i am|we are) )?(?:very )?sorry|unfortunately|regrettably|i apologi[sz]e|answer|but)[,:]? "
    r"|(?:based on|according to|from|in|given|within) (?:the|these|this|your|all)[^,.]{0,50}, )*"
)
GIVEN = r"(?:provided|given|available|supplied|above|retrieved|numbered|cited|relevant|listed|quoted|present)"
TEXTS = rf"(?:{GIVEN} )*(?:documents?|passages?|sources?|texts?|context|excerpts?|materials?|content|knowledge base)"
THE_TEXTS = rf"(?:the|these|this|those|your|our|any of the|all of the) {TEXTS}(?: (?:{GIVEN}|you (?:gave|provided)))?"
VERY = r"(?: (?:directly|explicitly|actually|specifically|clearly|currently|seem to|appear to|either|enough))*"
NOT = r"(?:(?:do|does|did|can|could) not|(?:do|does|did|could)n['’]t|cannot|can['’]t|never|fails? to|failed to)"
TELL = (
    "(?:answer|say|mention|contain|provide|state|specify|include|describe|address|cover|give|tell|discuss|indicate|"
    "explain|offer|have|list|reveal|define|detail|refer|relate|help)"
)
TOLD = (
    "(?:answered|mentioned|contained|provided|stated|specified|included|described|addressed|covered|given|told|discussed|"
    "indicated|explained|found|available|determined|said|listed|known|part of|present|in)"
)
NEWS = (
    r"(?:(?:specific|relevant|direct|explicit|clear|further|such|enough|sufficient|any) )*"
    r"(?:information|answers?|mention|data|details?|evidence|references?|indication|passages?)"
)
ENGLISH = (
    rf"{THE_TEXTS} {NOT}{VERY} {TELL}\b",
    rf"{THE_TEXTS} (?:has|have|contains?|provides?|gives?|includes?|offers?) no {NEWS}\b",
    rf"(?:there (?:is|are|was)|there['’]s|(?:i|we) (?:have|see|found|find|can find|could find)) (?:no|not) {NEWS}\b",
    rf"(?:no|insufficient|not enough) {NEWS}(?: (?:is|was|are|were) {TOLD}| (?:on|about|for|to)\b|\W*$)",
    rf"(?:none of|neither of|nothing in) {THE_TEXTS}\b",
    rf"i (?:{NOT}|am unable to|was unable to|am not able to|was not able to) "
    "(?:find|answer|determine|tell|know|say|locate|provide|see|identify)\\b",
    rf"(?:it|this|that|(?:the|this|an|your) \w+(?: \w+)?) (?:(?:is|was|are)(?: not|n['’]t| nowhere)|{NOT} be){VERY} "
    rf"{TOLD}\b.*\b{TEXTS}\b",
    rf"(?:the|this|your) (?:question|answer) {NOT} be {TOLD}\b",
    rf"not {TOLD} (?:in|by) {THE_TEXTS}\b",
    r"(?:no answer|unanswerable|n/?a|unknown)\W*$",
)  # fmt: skip

C_SORRY = "(?:(?:非常)?抱歉|对不起|對不起|很?遗憾(?:的是)?|很?遺憾(?:的是)?|不好意思|但是?|答案?:|[,:，：])*"
C_GIVEN = "(?:所|现有|現有|提供|给出|給出|给定|給定|上述|以上|这些|這些|当前|當前|已有|相关|相關|您|你|我|的)*"
C_TEXTS = (
    f"{C_GIVEN}(?:文档|文檔|文件|资料|資料|段落|文章|原文|来源|來源|内容|內容|信息|資訊|资讯|上下文|材料|知识库|知識庫)"
    "(?:中|里|裡|内|內|本身|都|均|也|并|並|[,，])*我?"
)
C_NOT = "(?:没有|沒有|未能?|无法|無法|不能|不足以|找不到|查不到|没|沒|不(?=包|涉|提|含))"
C_TELL = (
    "(?:回答|答案|解答|提到|提及|提供|说明|說明|包含|包括|涉及|找到|记载|記載|信息|資訊|资讯|相关|相關|有关|有關|给出|給出|"
    "指出|描述|介绍|介紹|明确|明確|列出|写明|寫明|讨论|討論|涵盖|涵蓋|内容|內容|说|說)"
)
CHINESE = (
    f"(?:根据|根據|在|从|從|基于|基於)?{C_TEXTS}{C_NOT}[^。;；]{{0,24}}{C_TELL}",
    "我?(?:无法|無法|不能|没法|沒法|未能)[^。;；]{0,30}(?:回答|确定|確定|得知|判断|判斷|找到|得出|知道|答复|答覆)",
    "我?(?:没有|沒有|未能?|找不到|查不到)[^。;；]{0,20}(?:相关|相關|有关|有關|关于|關於|这个问题|這個問題)[^。;；]{0,20}"
    "(?:信息|資訊|资讯|内容|內容|答案|资料|資料|记录|記錄|说明|說明)",
    "我?(?:不知道|不清楚|不得而知|不确定|不確定|未提及|未提到|没有提及|沒有提及|没有提到|沒有提到|没有答案|沒有答案)\\W*$",
)  # fmt: skip
JAPANESE = (
    "(?:提供された|与えられた|この|これらの)?(?:文書|資料|文章|パッセージ|ドキュメント|情報)(?:の中)?(?:に|から)?[はも、]*"
    "[^。]{0,40}(?:ありません|ません(?:でした)?|ない)",
    "(?:答え|回答|情報|記載|言及)[はがも][^。]{0,12}(?:ありません|見つかりません)",
    "(?:わかりません|分かりません)\\W*$",
)
J_SORRY = "(?:申し訳(?:ありません|ございません)が?|残念ながら|すみませんが?|[、,])*"
FREE = re.compile(
    "|".join(
        f"{sorry}(?:{'|'.join(forms)})" for sorry, forms in ((SORRY, ENGLISH), (C_SORRY, CHINESE), (J_SORRY, JAPANESE))
    ),
    re.I,
)
CONTRAST = re.compile(r"\b(?:but|however|although|though|except)\b|但|不过|不過|然而|ただし|が、", re.I)
OF_PASSAGES = re.compile(rf"{SORRY}(?:none of )?(?:the|these) (?:{GIVEN} )*(?:passages?|sources?|context)\b", re.I)


def abstention_in(language: str) -> str:
    """The sentence in this language (ISO 639-1); in English, where there is none in it."""
    return SENTENCES.get(language, SENTENCES["en"])


def abstains(answer: str, supported: Sequence[bool | None] = ()) -> bool:
    """Whether it begins by saying that there is no answer, and then says nothing that rests on a passage.

    `supported` says of each of its claims (search.claims) whether a passage bears it out. A model that does not keep to
    the sentence that it is told is understood in English, Chinese and Japanese.
    """
    told = list(zip_longest(claims_of(answer), supported))
    rest = list(dropwhile(lambda one: not one[0].claims and not _says_none(one[0]), told))
    return bool(rest) and _says_none(rest[0][0]) and not any(_tells(one, is_true) for one, is_true in rest[1:])


def _tells(claim: Claim, is_true: bool | None) -> bool:
    return claim.claims and not _says_none(claim) and bool(claim.numbers or is_true)


def _says_none(claim: Claim) -> bool:
    """What cites a passage for it speaks of the passages, or is a statement about something else; what goes on with
    "but" is more than that."""
    text = " ".join(unicodedata.normalize("NFKC", claim.text).strip(" \"'“”「」*_").split())
    if _bare(text) in KNOWN:
        return True
    free = FREE.match(text)
    if free is None or CONTRAST.search(text, free.end()):
        return False
    return not claim.numbers or bool(OF_PASSAGES.match(text))


def _bare(text: str) -> str:
    return re.sub(r"[\W\d_]+", "", text).casefold()


KNOWN = frozenset(_bare(text) for text in (*SENTENCES.values(), TRADITIONAL))
