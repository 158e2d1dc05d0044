"""Addresses of what belongs together in a knowledge base: topics, tags, versions."""

from django.urls import path

from search.organising import tag_views, topic_views, version_views

urlpatterns = [
    path("knowledge-bases/<uuid:pk>/topics/", topic_views.topics, name="topics"),
    path("knowledge-bases/<uuid:pk>/topics/find", topic_views.topics_find, name="topics_find"),
    path("knowledge-bases/<uuid:pk>/tags/", tag_views.tags, name="tags"),
    path("knowledge-bases/<uuid:pk>/tags/add", tag_views.tag_add, name="tag_add"),
    path("knowledge-bases/<uuid:pk>/tags/suggest", tag_views.tags_suggest, name="tags_suggest"),
    path("knowledge-bases/<uuid:pk>/tags/<int:tag>/", tag_views.tag, name="tag"),
    path("knowledge-bases/<uuid:pk>/tags/<int:tag>/delete", tag_views.tag_delete, name="tag_delete"),
    path("knowledge-bases/<uuid:pk>/tags/<int:tag>/decide", tag_views.tag_decide, name="tag_decide"),
    path("documents/<uuid:pk>/tags", tag_views.document_tag, name="document_tag"),
    path("documents/<uuid:pk>/versions", version_views.document_version, name="document_version"),
]
