"""Addresses of asking and searching."""

from django.urls import include, path

from search import searching, views
from search.conversations import share_views, streaming, turn_views
from search.conversations import views as conversations

urlpatterns = [
    path("", views.home, name="home"),
    path("ask", views.ask, name="ask"),
    path("conversations/", conversations.conversations, name="conversations"),
    path("conversations/<uuid:pk>/", conversations.conversation, name="conversation"),
    path("conversations/<uuid:pk>/rename", conversations.conversation_rename, name="conversation_rename"),
    path("conversations/<uuid:pk>/delete", conversations.conversation_delete, name="conversation_delete"),
    path("messages/<int:pk>/", streaming.message_turn, name="message_turn"),
    path("messages/<int:pk>/events", streaming.message_events, name="message_events"),
    path("messages/<int:pk>/marks", streaming.message_marks, name="message_marks"),
    path("messages/<int:pk>/stop", streaming.message_stop, name="message_stop"),
    path("messages/<int:pk>/again", turn_views.message_again, name="message_again"),
    path("messages/<int:pk>/rate", turn_views.message_rate, name="message_rate"),
    path("conversations/<uuid:pk>/export.md", share_views.conversation_export, name="conversation_export"),
    path("conversations/<uuid:pk>/share", share_views.conversation_share, name="conversation_share"),
    path("conversations/<uuid:pk>/unshare", share_views.conversation_unshare, name="conversation_unshare"),
    path("shared/<str:share>/", share_views.shared, name="shared"),
    path("search", searching.search, name="search"),
    path("", include("search.evaluation.urls")),
    path("", include("search.settings.urls")),
    path("sources/<int:pk>/", conversations.source, name="source"),
    path("", include("search.document_urls")),
]
