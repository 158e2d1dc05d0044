"""Addresses of people and knowledge bases."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from kb import account_views, member_views, people_views, views

urlpatterns = [
    path("setup", people_views.setup, name="setup"),
    path("login", LoginView.as_view(template_name="kb/login.html", redirect_authenticated_user=True), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("language", account_views.language, name="language"),
    path("theme", account_views.theme, name="theme"),
    path("account/", account_views.account, name="account"),
    path("account/password", account_views.PasswordView.as_view(), name="password"),
    path("account/keys", account_views.api_key_create, name="api_key_create"),
    path("account/keys/<int:pk>/revoke", account_views.api_key_revoke, name="api_key_revoke"),
    path("people/", people_views.invitations, name="invitations"),
    path("people/invitations/<int:pk>/revoke", people_views.invitation_revoke, name="invitation_revoke"),
    path("invitations/<str:token>/", people_views.invitation, name="invitation"),
    path("knowledge-bases/", views.knowledge_bases, name="knowledge_bases"),
    path("knowledge-bases/new", views.knowledge_base_create, name="knowledge_base_create"),
    path("knowledge-bases/<uuid:pk>/settings", views.knowledge_base_settings, name="knowledge_base_settings"),
    path("knowledge-bases/<uuid:pk>/delete", views.knowledge_base_delete, name="knowledge_base_delete"),
    path("knowledge-bases/<uuid:pk>/members/", member_views.members, name="members"),
    path("knowledge-bases/<uuid:pk>/members/<int:member>/role", member_views.member_change, name="member_change"),
    path("knowledge-bases/<uuid:pk>/members/<int:member>/remove", member_views.member_remove, name="member_remove"),
]
