from django.urls import path

from doctors.views import application, practice

app_name = "doctors"
urlpatterns = [
    path("clinic/apply/", application.application, name="application"),
    path("clinic/apply/about/", application.about, name="apply-about"),
    path("clinic/apply/licences/", application.licences, name="apply-licences"),
    path("clinic/apply/education/", application.education, name="apply-education"),
    path("clinic/apply/documents/", application.documents, name="apply-documents"),
    path("clinic/apply/check/", application.check, name="apply-check"),
    path("clinic/licences/", application.renew, name="licences"),
    path("clinic/documents/<uuid:document_id>/", application.document, name="document"),
    path("clinic/availability/", practice.availability, name="availability"),
    path("clinic/settings/", practice.settings, name="settings"),
    path("clinic/desk/join/<uuid:invite_id>/", practice.join_desk, name="desk-join"),
]
