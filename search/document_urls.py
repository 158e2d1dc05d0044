"""Addresses of what is known of whole documents: which a question is about, and how much of them was read."""

from django.urls import path

from search import about_views, not_read

urlpatterns = [
    path("messages/<int:pk>/documents", about_views.message_documents, name="message_documents"),
    path("knowledge-bases/<uuid:pk>/not-read", not_read.not_read, name="not_read"),
]
