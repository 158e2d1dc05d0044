"""Groups of texts are named by the words that tell them apart."""

from search.organising.telling import telling_words

HEARTS = ["Patients with heart disease took it.", "Heart diseases are frequent.", "The heart of the patient: disease"]
WINGS = ["The wing in a supersonic flow.", "Supersonic flow over wings was measured.", "Of wings and flow"]
FOOTBALL = ["国家橄榄球联盟的比赛在加州举行", "橄榄球比赛的球队赢得冠军", "这场橄榄球比赛有两支球队"]
LAW = ["最高法院的判决", "法院作出判决", "判决由法院宣布"]


def test_words_that_a_group_has_and_the_others_have_not():
    hearts, wings = telling_words([HEARTS, WINGS])
    assert "wings" in {word.lower() for word in wings}
    assert any("heart" in word.lower() for word in hearts)
    assert not {"the", "of"} & {word.lower() for word in hearts + wings}


def test_words_are_written_as_in_the_texts_and_endings_do_not_part_them():
    (words, _) = telling_words([["Policies for travellers", "Our policies", "policies again"], WINGS])
    assert words[0] in ("Policies", "policies")


def test_a_phrase_takes_the_place_of_its_parts():
    _, wings = telling_words([HEARTS, ["supersonic flow", "a supersonic flow", "supersonic flow there"]])
    assert wings == ["supersonic flow"]


def test_chinese_words_are_runs_of_characters():
    football, law = telling_words([FOOTBALL, LAW])
    assert "橄榄球" in football[0]
    assert {"法院", "判决"} <= set(law)


def test_names_in_programs_and_numbers_are_no_words():
    (words, _) = telling_words([["get_settings 2024 docs_src config", "get_settings config 2024"], WINGS])
    assert words == ["config"]


def test_nothing_tells_groups_apart_that_have_no_words():
    assert telling_words([["", "12 34"], WINGS])[0] == []


def test_one_group_alone_is_named_by_what_is_frequent_in_it():
    assert telling_words([WINGS])[0]
