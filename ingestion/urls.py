"""Addresses of documents: their list, their upload, their text."""

from django.urls import path

from ingestion import actions, preview, uploads, viewer, views

urlpatterns = [
    path("knowledge-bases/<uuid:pk>/", views.knowledge_base, name="knowledge_base"),
    path("knowledge-bases/<uuid:pk>/documents/rows", views.documents_rows, name="documents_rows"),
    path("knowledge-bases/<uuid:pk>/documents/bulk", actions.documents_bulk, name="documents_bulk"),
    path("knowledge-bases/<uuid:pk>/documents/download", actions.documents_download, name="documents_download"),
    path("knowledge-bases/<uuid:pk>/upload", uploads.upload, name="upload"),
    path("knowledge-bases/<uuid:pk>/paste", uploads.paste, name="paste"),
    path("knowledge-bases/<uuid:pk>/chunk-preview", preview.chunk_preview, name="chunk_preview"),
    path("documents/<uuid:pk>/", viewer.document, name="document"),
    path("documents/<uuid:pk>/pages/<int:number>.webp", viewer.document_page, name="document_page"),
    path("documents/<uuid:pk>/original", viewer.document_original, name="document_original"),
    path("documents/<uuid:pk>/cancel", actions.document_cancel, name="document_cancel"),
    path("documents/<uuid:pk>/retry", actions.document_retry, name="document_retry"),
    path("documents/<uuid:pk>/delete", actions.document_delete, name="document_delete"),
]
