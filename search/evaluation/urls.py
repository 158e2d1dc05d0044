"""Addresses of measuring how well a knowledge base is searched."""

from django.urls import path

from search.conversations import gap_views
from search.evaluation import length_views, question_set_views, settings_trial_views
from search.evaluation import views as evaluation_views

BASE = "knowledge-bases/<uuid:pk>/evaluation"

urlpatterns = [
    path(f"{BASE}/", evaluation_views.evaluation, name="evaluation"),
    path(f"{BASE}/start", evaluation_views.evaluation_start, name="evaluation_start"),
    path(f"{BASE}/lengths", length_views.evaluation_lengths, name="evaluation_lengths"),
    path(f"{BASE}/runs/<uuid:run>/use", length_views.evaluation_use_length, name="evaluation_use_length"),
    path(f"{BASE}/compare", evaluation_views.evaluation_compare, name="evaluation_compare"),
    path(f"{BASE}/runs/<uuid:run>/", evaluation_views.evaluation_run, name="evaluation_run"),
    path(f"{BASE}/runs/<uuid:run>/cancel", evaluation_views.evaluation_cancel, name="evaluation_cancel"),
    path(f"{BASE}/runs/<uuid:run>/delete", evaluation_views.evaluation_delete, name="evaluation_delete"),
    path(f"{BASE}/runs/<uuid:run>/verdict", settings_trial_views.settings_verdict, name="settings_verdict"),
    path(f"{BASE}/gaps", gap_views.gaps, name="gaps"),
    path(f"{BASE}/candidates", question_set_views.candidates, name="question_candidates"),
    path(f"{BASE}/sets/new", question_set_views.question_set_new, name="question_set_new"),
    path(f"{BASE}/sets/import", question_set_views.question_set_import, name="question_set_import"),
    path(f"{BASE}/sets/<int:question_set>/", question_set_views.question_set_page, name="question_set"),
    path(f"{BASE}/sets/<int:question_set>/add", question_set_views.question_add, name="question_add"),
    path(f"{BASE}/sets/<int:question_set>/rename", question_set_views.question_set_rename, name="question_set_rename"),
    path(f"{BASE}/sets/<int:question_set>/delete", question_set_views.question_set_delete, name="question_set_delete"),
    path(
        f"{BASE}/sets/<int:question_set>/questions.jsonl",
        question_set_views.question_set_jsonl,
        name="question_set_jsonl",
    ),
    path(f"{BASE}/sets/<int:question_set>/beir.zip", question_set_views.question_set_beir, name="question_set_beir"),
    path(f"{BASE}/questions/<int:question>/", question_set_views.question_page, name="question"),
    path(f"{BASE}/questions/<int:question>/delete", question_set_views.question_delete, name="question_delete"),
    path("messages/<int:pk>/keep", question_set_views.message_keep, name="message_keep"),
]
