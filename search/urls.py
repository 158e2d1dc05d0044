"""Addresses of asking and searching."""

from django.urls import path

from search import views

urlpatterns = [
    path("", views.home, name="home"),
    path("ask", views.ask, name="ask"),
    path("conversations/", views.conversations, name="conversations"),
    path("conversations/<uuid:pk>/", views.conversation, name="conversation"),
    path("conversations/<uuid:pk>/rename", views.conversation_rename, name="conversation_rename"),
    path("conversations/<uuid:pk>/delete", views.conversation_delete, name="conversation_delete"),
    path("search", views.search, name="search"),
    path("sources/<int:pk>/", views.source, name="source"),
]
