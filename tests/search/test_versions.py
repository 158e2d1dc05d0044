"""File names say which version of what a file is."""

import pytest

from search.organising.versions import later, read_name


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Travel policy.docx", "travel policy"),
        ("Travel_policy_v2.pdf", "travel policy"),
        ("travel-policy-v2.1-final.docx", "travel policy"),
        ("Travel policy (1).docx", "travel policy"),
        ("Travel policy - Copy (2).docx", "travel policy"),
        ("Travel policy 2024-05.docx", "travel policy"),
        ("20240501_Travel policy.docx", "travel policy"),
        ("Travel policy May 2024.docx", "travel policy"),
        ("Travel policy 1.5.2024.docx", "travel policy"),
        ("Travel policy rev. 7.docx", "travel policy"),
        ("Travel policy DRAFT.docx", "travel policy"),
        ("差旅制度（第3版）.docx", "差旅制度"),
        ("差旅制度_2024年5月_终稿.docx", "差旅制度"),
        ("差旅制度 - 副本.docx", "差旅制度"),
        ("Finality of judgments.docx", "finality of judgments"),
        ("Python 3 guide.md", "python 3 guide"),
        ("v2.docx", ""),
    ],
)
def test_what_says_the_version_is_no_part_of_the_name(name, stem):
    assert read_name(name).stem == stem


@pytest.mark.parametrize(
    ("earlier", "newer"),
    [
        ("policy.docx", "policy v2.docx"),
        ("policy v2.docx", "policy v10.docx"),
        ("policy v1.9.docx", "policy v1.10.docx"),
        ("policy 2023-12.docx", "policy 2024-01.docx"),
        ("policy 31.12.2023.docx", "policy 1.1.2024.docx"),
        ("policy March 2024.docx", "policy April 2024.docx"),
        ("policy draft.docx", "policy.docx"),
        ("policy.docx", "policy final.docx"),
        ("policy draft.docx", "policy final.docx"),
        ("policy old.docx", "policy draft.docx"),
        ("policy.docx", "policy (1).docx"),
        ("policy (1).docx", "policy (2).docx"),
        ("policy v2 draft.docx", "policy v2 final.docx"),
        ("policy v1 2024-05.docx", "policy v2 2023-05.docx"),
        ("差旅制度 第2版.docx", "差旅制度 第3版.docx"),
        ("差旅制度2023年.docx", "差旅制度2024年.docx"),
        ("差旅制度 草稿.docx", "差旅制度 终稿.docx"),
    ],
)
def test_the_later_version_is_known_by_name(earlier, newer):
    assert later(read_name(newer), read_name(earlier)) == 1
    assert later(read_name(earlier), read_name(newer)) == -1


@pytest.mark.parametrize(("one", "other"), [("policy.docx", "policy.pdf"), ("policy.docx", "policy 2024.docx")])
def test_where_names_do_not_say_nothing_is_claimed(one, other):
    assert later(read_name(one), read_name(other)) == 0


def test_a_date_alone_is_told_from_a_version():
    assert read_name("minutes 2024-05-02.docx").says_version is False
    assert read_name("minutes v2.docx").says_version is True
