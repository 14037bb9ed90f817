"""The back office: Django's admin behind our own sign-in, for staff who proved a second factor."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from adminops import identity, verification, views
from adminops.compliance import deadlines, disclosures, kept, locks, requests
from adminops.compliance import incident_views as incidents
from adminops.compliance import views as compliance
from adminops.rights import factor_views as lost
from adminops.rights import views as rights
from adminops.support import views as support
from telemed.accounts import fresh
from telemed.accounts.actions import factors
from telemed.accounts.context import me
from telemed.accounts.views import entry


class Site(AdminSite):
    site_header = _("Operations")
    site_title = _("Operations")
    index_title = _("Everything")
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """Whoever has not shown a second factor is led to it, and the page is not asked for whom it fetched."""
        user: Any = request.user
        allowed = bool(user.is_active and user.is_staff and user.is_verified())
        if not allowed:
            request.sent_away = True  # type: ignore[attr-defined]
        return allowed

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Our own sign-in asks for the second factor; a signed-in person without rights here goes to their own pages."""
        target = request.GET.get("next") or reverse("admin:index")
        if request.user.is_authenticated:
            user = me(request)
            if not user.is_staff:
                return redirect("portals:start")
            return redirect(fresh.page(target) if factors.held(user) else "accounts:authenticator")
        return redirect(f"{reverse('accounts:login')}?{urlencode({'next': target})}")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]  # ours redirects
        return entry.logout(request)

    def get_urls(self) -> list[Any]:
        own = [
            path("dashboard/", self.admin_view(views.dashboard), {"site": self}, name="dashboard"),
            path("doctors/verify/", self.admin_view(verification.verify), {"site": self}, name="verify"),
            path(
                "doctors/verify/<uuid:doctor_id>/", self.admin_view(verification.decide), {"site": self}, name="decide"
            ),
            path("identity/", self.admin_view(identity.queue), {"site": self}, name="identity"),
            path("identity/<uuid:check_id>/", self.admin_view(identity.check), {"site": self}, name="identity-check"),
            path(
                "identity/<uuid:check_id>/document/",
                self.admin_view(identity.picture),
                {"which": "document"},
                name="identity-document",
            ),
            path(
                "identity/<uuid:check_id>/selfie/",
                self.admin_view(identity.picture),
                {"which": "selfie"},
                name="identity-selfie",
            ),
            path("doctors/documents/<uuid:document_id>/", self.admin_view(verification.document), name="document"),
            *self._pages(),
        ]
        return own + super().get_urls()

    def _pages(self) -> list[Any]:
        pages: list[tuple[str, Any, str]] = [
            ("roles/", rights.matrix, "roles"), ("roles/end/", rights.end, "role-end"), ("approvals/", rights.waiting, "approvals"),
            ("approvals/ask/", rights.ask, "approval-ask"), ("approvals/<uuid:approval_id>/", rights.approve, "approval"),
            ("second-steps/", lost.resets, "resets"), ("second-steps/<uuid:change_id>/stop/", lost.stop, "reset-stop"),
            ("help/", support.sessions, "help"), ("help/<uuid:help_id>/end/", support.end, "help-end"),
            ("emergencies/", compliance.queue, "emergencies"), ("emergencies/<uuid:access_id>/", compliance.review, "emergency"),
            ("requests/", requests.queue, "requests"), ("requests/<uuid:request_id>/", requests.answer, "request"),
            ("disclosures/", disclosures.latest, "disclosures"), ("disclosures/<uuid:patient_id>/", disclosures.of_patient, "disclosures-of"),
            ("disclosures/<uuid:patient_id>/account.<str:form>", disclosures.account, "disclosures-file"),
            ("kept/", kept.records, "kept"), ("kept/<uuid:limit_id>/", kept.record, "kept-record"),
            ("kept/<uuid:limit_id>/papers/<uuid:file_id>/", kept.paper, "kept-paper"),
            ("deadlines/", deadlines.queue, "deadlines"), ("deadlines/<uuid:deadline_id>/delete/", deadlines.delete, "deadline-delete"),
            ("locks/", locks.queue, "locks"), ("locks/<uuid:lock_id>/", locks.look, "lock"),
            ("incidents/", incidents.queue, "incidents"), ("incidents/new/", incidents.new, "incident-new"),
            ("incidents/<uuid:incident_id>/", incidents.incident, "incident"), ("incidents/<uuid:incident_id>/facts/", incidents.facts, "incident-facts"),
            ("incidents/<uuid:incident_id>/<uuid:duty_id>/", incidents.duty, "incident-duty"),
        ]  # fmt: skip
        return [path(route, self.admin_view(view), {"site": self}, name=name) for route, view, name in pages]


site = Site(name="admin")
