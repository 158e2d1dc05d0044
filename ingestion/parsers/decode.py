"""Bytes to text, whatever the encoding: mark, strict UTF-8, East Asian by their commonest characters, then the rest."""

import re

from charset_normalizer import from_bytes

from ingestion.sniff import looks_like_text

_SAMPLE = 200_000
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
_SIMPLIFIED = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学"
    "如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两"
    "高间由问很最重并物手应向头文体政美相见被利什二等产或新己制身果加西月话合回特代内信表化老给世位次度门任常先海通教原东声提立及比员解水"
    "名真论处走义各入几口认条平系气题活更别打女变四总何电数安少报才结反受目太量再感建务做接必场件计管期市直资命山金指许统区保至形社便空决"
)
_TRADITIONAL = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學"
    "如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩"
    "高間由問很最重並物手應向頭文體政美相見被利什二等產或新己制身果加西月話合回特代內信表化老給世位次度門任常先海通教原東聲提立及比員解水"
    "名真論處走義各入幾口認條平系氣題活更別打女變四總何電數安少報才結反受目太量再感建務做接必場件計管期市直資命山金指許統區保至形社便空決"
)
_JAPANESE = (
    "".join(map(chr, range(0x3041, 0x3094)))
    + "".join(map(chr, range(0x30A1, 0x30FD)))
    + "日一国人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水"
)
_KOREAN = (
    "이다는을의에가고하지로기한리어사도자인그나시스해대과서있들라은정게부일전장주만수아제안보상성적동것여구원생면유관위국조학공경민"
    "습니를으와요입신문선때연비모소무진없으로세오년간개방화용물"
)
_WESTERN = frozenset("éèàçùâêîôûëïäöüßñáíóúæøåœãõÉÈÀÇÂÊÎÔÄÖÜÁÍÓÚÆØÅŒÃÕ«»“”‘’„–—…·•€£°§©®½²³\xa0¿¡ºª×´")
_POINTS = "，。、：；！？「」（）《》・"
_EAST_ASIAN = {
    encoding: frozenset(common + _POINTS)
    for encoding, common in (
        ("gb18030", _SIMPLIFIED), ("big5hkscs", _TRADITIONAL), ("cp932", _JAPANESE), ("euc_jp", _JAPANESE),
        ("cp949", _KOREAN),
    )
}  # fmt: skip
_FIRST_PARTS = {"gb18030": (0xA1, 0xD7), "big5hkscs": (0xA1, 0xC6), "cp932": (0x81, 0x97), "euc_jp": (0xA1, 0xCF),
                "cp949": (0xA1, 0xC8)}  # fmt: skip
_SINGLE_BYTE = [
    "cp1252", "cp1250", "iso8859_2", "cp1251", "koi8_r", "iso8859_5", "mac_cyrillic", "cp866", "cp1253", "iso8859_7",
    "cp1254", "iso8859_9", "cp1255", "cp1256", "tis_620", "cp1257", "cp437", "mac_roman",
]  # fmt: skip


# What pages and mails call their encoding -> the larger one that browsers take it for (encoding.spec.whatwg.org).
_CALLED = {
    "xsjis": "cp932", "shiftjis": "cp932", "sjis": "cp932", "windows31j": "cp932", "mskanji": "cp932",
    "gb2312": "gb18030", "gbk": "gb18030", "xgbk": "gb18030", "cp936": "gb18030", "xeucjp": "euc_jp",
    "big5": "big5hkscs", "xxbig5": "big5hkscs", "euckr": "cp949", "ksc56011987": "cp949", "ksc5601": "cp949",
    "iso88591": "cp1252", "latin1": "cp1252", "usascii": "cp1252", "iso88599": "cp1254", "tis620": "cp874",
    "xmaccyrillic": "mac_cyrillic", "macintosh": "mac_roman", "xwindows1251": "cp1251",
}  # fmt: skip


def decode(data: bytes, declared: str = "") -> str:
    """The text. `declared` is what the file says of itself: it is believed where it fits."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    for name in (_CALLED.get(re.sub(r"[^a-z0-9]", "", declared.lower()), declared), declared) if declared else ():
        if (text := _strictly(data, name)) is not None and "�" not in text:
            return text
    encoding = encoding_of(data)
    return data.decode(encoding, "replace")


def encoding_of(data: bytes) -> str:
    """The most likely encoding of bytes without a byte-order mark."""
    if escaped := _escaped(data):
        return escaped
    if wide := _wide(data):
        return wide
    if _strictly(data, "utf-8") is not None:
        return "utf-8"
    sample = _sample(data)
    return _nearly_utf8(sample) or _east_asian(sample) or _single_byte(sample) or "cp1252"


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeError, LookupError, ValueError):
        return None


def _escaped(data: bytes) -> str | None:
    """Seven-bit encodings that switch by escape sequences."""
    start = data[:_SAMPLE]
    if re.search(rb"\x1b\$[@B]", start) and start.isascii():
        return "iso2022_jp_2"
    if b"\x1b$)C" in start and start.isascii():
        return "iso2022_kr"
    if re.search(rb"~\{(?:[\x21-\x7e]{2})+~\}", start) and start.isascii() and _strictly(data, "hz") is not None:
        return "hz"
    return None


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: of two readings, the one with more ASCII and fewer unprintable characters."""
    head = data[: min(len(data), 8192) // 2 * 2]
    if not head or 0 not in head or not looks_like_text(head):
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) < 4 * min(even, odd) + 2:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _sample(data: bytes) -> bytes:
    """Whole lines that are not ASCII: they tell the encoding."""
    lines, size = [], 0
    for line in data[: 20 * _SAMPLE].splitlines(keepends=True):
        if not line.isascii():
            lines.append(line)
            size += len(line)
            if size > _SAMPLE:
                break
    return b"".join(lines)[: 2 * _SAMPLE]


def _nearly_utf8(sample: bytes) -> str | None:
    """UTF-8 with a few broken bytes in it, rather than something else altogether."""
    text = sample.decode("utf-8", "replace")
    good = sum(ord(c) > 127 for c in text) - (bad := text.count("�"))
    return "utf-8" if good > 4 * bad else None


def _east_asian(sample: bytes) -> str | None:
    """The reading whose characters are the commonest of its language, and of its code table's first part."""
    best, best_score = None, 0.45
    for encoding, common in _EAST_ASIAN.items():
        text = sample.decode(encoding, "replace")
        foreign = [c for c in text if ord(c) > 127][:5000]
        if not foreign or foreign.count("�") > len(foreign) // 50:
            continue
        usual = sum(c in common for c in foreign) / len(foreign)
        first = sum(_is_of_first_part(c, encoding) for c in foreign) / len(foreign)
        if usual + first / 2 > best_score and usual > 0.06:
            best, best_score = encoding, usual + first / 2
    return best


def _is_of_first_part(character: str, encoding: str) -> bool:
    """Code tables hold the few thousand usual characters first; a wrong reading finds the rare ones."""
    try:
        code = character.encode(encoding)
    except UnicodeEncodeError:
        return False
    low, high = _FIRST_PARTS[encoding]
    return len(code) == 2 and low <= code[0] <= high and (encoding in ("cp932", "big5hkscs") or code[1] >= 0xA1)


def _single_byte(sample: bytes) -> str | None:
    foreign = [c for c in sample[:20_000].decode("cp1252", "replace") if ord(c) > 127]
    if sum(c in _WESTERN for c in foreign) > 0.8 * len(foreign):
        return "cp1252"
    match = from_bytes(sample[:20_000], cp_isolation=_SINGLE_BYTE, enable_fallback=False).best()
    return match.encoding if match else None
