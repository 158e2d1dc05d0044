"""How the admin panel looks, and the way about in it."""

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

# a reading lamp's green, as in static/css/tokens.css
GREEN = {
    "50": "#eef7f3",
    "100": "#e2efe9",
    "200": "#bfe0d2",
    "300": "#a6dec6",
    "400": "#7cc9aa",
    "500": "#3f9474",
    "600": "#17624a",
    "700": "#12543f",
    "800": "#0e4936",
    "900": "#16382d",
    "950": "#0b2119",
}
PAPER = {
    "50": "#fbfaf6",
    "100": "#f2f0e8",
    "200": "#dfdbd0",
    "300": "#cbc6b8",
    "400": "#a8aea7",
    "500": "#6d716a",
    "600": "#575b55",
    "700": "#424742",
    "800": "#2b302d",
    "900": "#1d211f",
    "950": "#161917",
}


def _page(title, icon: str, model: str) -> dict:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}


def _icon(request) -> str:
    return static("img/lectern.svg")


def _stylesheet(request) -> str:
    return static("css/admin.css")


UNFOLD = {
    "SITE_TITLE": "Lectern",
    "SITE_HEADER": "Lectern",
    "SITE_SUBHEADER": _("Administration"),
    "SITE_SYMBOL": "local_library",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": True,
    "COLORS": {"base": PAPER, "primary": GREEN},
    "BORDER_RADIUS": "8px",
    "STYLES": [_stylesheet],
    "DASHBOARD_CALLBACK": "ingestion.dashboard.show",
    "SIDEBAR": {
        "show_search": False,
        "navigation": [
            {
                "items": [
                    {"title": _("Dashboard"), "icon": "dashboard", "link": reverse_lazy("admin:index")},
                ],
            },
            {
                "title": _("Content"),
                "separator": True,
                "items": [
                    _page(_("Knowledge bases"), "library_books", "kb_knowledgebase"),
                    _page(_("Documents"), "description", "kb_document"),
                    _page(_("Passages"), "segment", "kb_chunk"),
                ],
            },
            {
                "title": _("Search"),
                "separator": True,
                "items": [
                    _page(_("Indexes"), "database", "search_index"),
                    _page(_("Embedding presets"), "tune", "search_preset"),
                    _page(_("Reranking presets"), "swap_vert", "search_rerankpreset"),
                    _page(_("Language models"), "forum", "search_chatmodel"),
                    {
                        "title": _("Never embedded"),
                        "icon": "visibility_off",
                        "link": reverse_lazy("admin:search_never_embedded"),
                    },
                    _page(_("Index checks"), "health_and_safety", "search_indexcheck"),
                    _page(_("Saved questions"), "quiz", "search_questionset"),
                    _page(_("Evaluations"), "monitoring", "search_evaluationrun"),
                    _page(_("Call log"), "receipt_long", "kb_call"),
                ],
            },
            {
                "title": _("People"),
                "separator": True,
                "items": [
                    _page(_("Users"), "person", "kb_user"),
                    _page(_("Groups"), "group", "auth_group"),
                    _page(_("Members"), "badge", "kb_membership"),
                    _page(_("Invitations"), "mail", "kb_invitation"),
                    _page(_("API keys"), "key", "kb_apikey"),
                ],
            },
        ],
    },
}
