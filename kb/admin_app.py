"""Make our own admin site the admin site."""

from django.contrib.admin.apps import AdminConfig


class LecternAdminConfig(AdminConfig):
    default_site = "kb.admin_site.LecternAdminSite"
