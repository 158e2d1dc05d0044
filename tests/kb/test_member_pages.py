"""Members: joining, another role, leaving, and that somebody always manages."""

from django.contrib.auth.models import Group
from django.urls import reverse

from kb.models import Membership, Role


def members_of(knowledge_base):
    return {str(each.user or each.group): each.role for each in knowledge_base.memberships.all()}


def act(client, name, membership, **data):
    return client.post(reverse(name, args=[membership.knowledge_base_id, membership.pk]), data, follow=True)


def add(client, knowledge_base, **data):
    return client.post(reverse("members", args=[knowledge_base.pk]), data, follow=True)


def test_alice_adds_charlie_who_then_reads(client, handbook, alice, charlie):
    client.force_login(alice)
    add(client, handbook, member=f"user-{charlie.pk}", role="editor")
    assert members_of(handbook)["charlie"] == Role.EDITOR
    client.force_login(charlie)
    assert "Handbook" in client.get(reverse("knowledge_bases")).text


def test_a_group_is_a_member_like_a_person(client, handbook, alice, charlie):
    support = Group.objects.create(name="Support")
    charlie.groups.add(support)
    client.force_login(alice)
    assert "Support" in client.get(reverse("members", args=[handbook.pk])).text
    add(client, handbook, member=f"group-{support.pk}", role="manager")
    client.force_login(charlie)
    assert client.get(reverse("members", args=[handbook.pk])).status_code == 200


def test_adding_a_member_again_changes_the_role(client, handbook, alice, bob):
    client.force_login(alice)
    add(client, handbook, member=f"user-{bob.pk}", role="editor")
    assert members_of(handbook) == {"alice": "manager", "bob": "editor"}


def test_nobody_unknown_and_no_unknown_role_is_added(client, handbook, alice, charlie):
    client.force_login(alice)
    for data in (
        {"member": "user-999", "role": "viewer"},
        {"member": f"user-{charlie.pk}", "role": "owner"},
        {"role": "viewer"},
    ):
        assert add(client, handbook, **data).status_code == 422
    assert "charlie" not in members_of(handbook)


def test_a_person_who_cannot_sign_in_is_not_offered(client, handbook, alice, charlie):
    charlie.is_active = False
    charlie.save()
    client.force_login(alice)
    assert add(client, handbook, member=f"user-{charlie.pk}", role="viewer").status_code == 422


def test_alice_changes_and_removes_bob(client, handbook, alice, bob):
    client.force_login(alice)
    his = Membership.objects.get(user=bob)
    act(client, "member_change", his, role="editor")
    assert members_of(handbook)["bob"] == "editor"
    act(client, "member_change", his, role="king")
    assert members_of(handbook)["bob"] == "editor"
    act(client, "member_remove", his)
    assert "bob" not in members_of(handbook)


def test_the_last_manager_stays(client, handbook, alice, bob):
    client.force_login(alice)
    hers = Membership.objects.get(user=alice)
    for answer in (
        act(client, "member_remove", hers),
        act(client, "member_change", hers, role="viewer"),
        add(client, handbook, member=f"user-{alice.pk}", role="viewer"),
    ):
        assert "last manager" in answer.text
    assert members_of(handbook)["alice"] == "manager"


def test_a_manager_who_cannot_sign_in_does_not_count(client, handbook, alice, bob):
    Membership.objects.filter(user=bob).update(role="manager")
    bob.is_active = False
    bob.save()
    client.force_login(alice)
    assert "last manager" in act(client, "member_remove", Membership.objects.get(user=alice)).text


def test_who_leaves_lands_on_the_shelf(client, handbook, alice, bob):
    Membership.objects.filter(user=bob).update(role="manager")
    client.force_login(alice)
    answer = act(client, "member_remove", Membership.objects.get(user=alice))
    assert answer.redirect_chain[-1][0] == reverse("knowledge_bases")


def test_bob_and_charlie_cannot_change_members(client, handbook, alice, bob, charlie):
    hers = Membership.objects.get(user=alice)
    for person in (bob, charlie):
        client.force_login(person)
        assert act(client, "member_change", hers, role="viewer").status_code == 404
        assert act(client, "member_remove", hers).status_code == 404
    assert members_of(handbook)["alice"] == "manager"


def test_a_membership_is_only_reached_through_its_own_knowledge_base(client, handbook, bob, charlie):
    client.force_login(charlie)
    client.post(reverse("knowledge_base_create"), {"name": "Mine"})
    mine = charlie.memberships.get().knowledge_base
    his = Membership.objects.get(user=bob)
    assert client.post(reverse("member_remove", args=[mine.pk, his.pk])).status_code == 404


def test_the_members_page_takes_as_many_queries_for_many(
    client, handbook, alice, django_user_model, django_assert_max_num_queries, django_assert_num_queries
):
    client.force_login(alice)
    with django_assert_max_num_queries(14) as seen:
        client.get(reverse("members", args=[handbook.pk]))
    for i in range(10):
        user = django_user_model.objects.create_user(f"user{i}")
        Membership.objects.create(knowledge_base=handbook, user=user)
    with django_assert_num_queries(len(seen)):
        client.get(reverse("members", args=[handbook.pk]))
