"""JSON endpoints of consultations: the room, and the dictionaries."""

from django.urls import path

from consultations.api import notes, rooms, search

urlpatterns = [
    path("rooms/<uuid:consultation_id>/messages/", rooms.messages, name="room-messages"),
    path("rooms/<uuid:consultation_id>/admission/", rooms.admission, name="room-admission"),
    path("rooms/<uuid:consultation_id>/end/", rooms.end, name="room-end"),
    path("rooms/<uuid:consultation_id>/events/", rooms.events, name="room-events"),
    path("rooms/<uuid:consultation_id>/devices/", rooms.devices, name="room-devices"),
    path("notes/<uuid:consultation_id>/", notes.note, name="api-note"),
    path("medicines/", search.medicines, name="api-medicines"),
    path("diagnoses/", search.diagnoses, name="api-diagnoses"),
]
