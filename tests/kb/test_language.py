"""The language of a question is told where it is sure, and left open where it is not."""

import pytest

from kb.language import language_of_question

QUESTIONS = {
    "en": ("How often is the kettle descaled?", "What may a hotel cost a night?", "Can I take a dog to the office?",
           "What does 年假 mean?"),
    "de": ("Wie oft wird der Wasserkocher entkalkt?", "Was darf ein Hotel kosten?", "Wann schließt das Büro?"),
    "fr": ("À quelle fréquence faut-il détartrer la bouilloire ?", "Combien coûte une nuit d'hôtel ?"),
    "es": ("¿Cuánto puede costar un hotel?", "Cuántos días de vacaciones tengo"),
    "it": ("Quanto può costare un albergo a notte?", "Con quale frequenza si pulisce il bollitore?"),
    "pt": ("Quanto pode custar um hotel por noite?", "Onde está o manual?"),
    "nl": ("Hoe vaak wordt de waterkoker ontkalkt?", "Mag ik mijn hond meenemen naar kantoor?"),
    "sv": ("Hur ofta avkalkas vattenkokaren?", "När stänger kontoret på fredagar?"),
    "da": ("Hvornår lukker kontoret om fredagen?",),
    "pl": ("Jak często odkamienia się czajnik?",),
    "cs": ("Kolik může stát hotel za noc?",),
    "tr": ("Otel gecelik ne kadar olabilir?",),
    "vi": ("Khách sạn có thể giá bao nhiêu một đêm?",),
    "ru": ("Сколько стоит гостиница?", "Кто подписывает заявку на командировку?"),
    "uk": ("Скільки коштує готель?",),
    "el": ("Πόσο συχνά καθαρίζεται ο βραστήρας;",),
    "he": ("באיזו תדירות מנקים את הקומקום?",),
    "ar": ("كم مرة يتم تنظيف الغلاية؟",),
    "hi": ("केतली को कितनी बार साफ किया जाता है?",),
    "th": ("ทำความสะอาดกาต้มน้ำบ่อยแค่ไหน",),
    "zh": ("多久除垢一次？", "API key 怎么创建？"),
    "ja": ("どのくらいですか", "ケトルはどのくらいの頻度で洗浄しますか"),
    "ko": ("얼마나 자주 합니까",),
    "": ("", "12 34", "Wie oft?", "kettle descaling", "SSO SAML Okta", "Wifi Passwort", "Hvor ofte?", "Норвал 1887",
         "Колко често се почиства чайникът?", "هر چند وقت یک بار کتری تمیز می‌شود؟", "how to 登录 the 系统"),
}  # fmt: skip
CASES = [(question, language) for language, questions in QUESTIONS.items() for question in questions]


@pytest.mark.parametrize(("question", "language"), CASES)
def test_the_language_of_a_question_is_told_where_it_is_sure(question, language):
    assert language_of_question(question) == language
