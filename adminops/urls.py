from django.urls import path
from django.views.generic import RedirectView

from adminops.admin import site

urlpatterns = [
    path("audit/", RedirectView.as_view(pattern_name="admin:core_auditevent_changelist"), name="audit"),
    path("", site.urls),
]
