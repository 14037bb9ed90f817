from django.urls import path

from consultations.views import (
    booking,
    calendar,
    clinic,
    discover,
    emergency,
    front_desk,
    labels,
    notes,
    prescribing,
    prescriptions,
    room,
    threads,
    verify,
    visits,
)

app_name = "consultations"
urlpatterns = [
    # find and book
    path("doctors/", discover.discover, name="discover"),
    path("doctors/<slug:slug>/", discover.doctor, name="doctor"),
    path("book/<uuid:appointment_id>/reason/", booking.reason, name="book-reason"),
    path("book/<uuid:appointment_id>/who/", booking.who, name="book-who"),
    path("book/<uuid:appointment_id>/about/", booking.about, name="book-about"),
    path("book/<uuid:appointment_id>/share/", booking.share, name="book-share"),
    path("book/<uuid:appointment_id>/check/", booking.check, name="book-check"),
    path("book/<uuid:appointment_id>/done/", booking.done, name="book-done"),
    path("book/<uuid:appointment_id>/more-time/", booking.more_time, name="book-more-time"),
    path("book/<uuid:appointment_id>/release/", booking.release, name="book-release"),
    path("book/<str:slot_id>/", booking.book, name="book"),
    # a patient's visits
    path("visits/", visits.visits, name="visits"),
    path("visits/<uuid:appointment_id>/", visits.visit, name="visit"),
    path("visits/<uuid:appointment_id>.ics", visits.calendar, name="visit-calendar"),
    path("visits/<uuid:appointment_id>/summary.pdf", visits.summary, name="visit-summary"),
    path("visits/<uuid:appointment_id>/move/", visits.move, name="visit-move"),
    path("visits/<uuid:appointment_id>/cancel/", visits.cancel, name="visit-cancel"),
    path("visits/<uuid:appointment_id>/hide/", visits.hide, name="visit-hide"),
    # the room
    path("visits/<uuid:appointment_id>/room/", room.check, name="room-check"),
    path("visits/<uuid:appointment_id>/room/wait/", room.call, name="room-wait"),
    path("visits/<uuid:appointment_id>/room/call/", room.call, name="room-call"),
    path("visits/<uuid:appointment_id>/after/", room.after, name="room-after"),
    path("clinic/visits/<uuid:appointment_id>/room/", room.clinic, name="clinic-room"),
    # messages
    path("messages/", threads.threads, name="threads"),
    path("messages/<uuid:consultation_id>/", threads.thread, name="thread"),
    path("clinic/messages/", threads.clinic_threads, name="clinic-threads"),
    path("clinic/messages/<uuid:consultation_id>/", threads.clinic_thread, name="clinic-thread"),
    # a doctor's visits
    path("clinic/calendar/", calendar.show, name="calendar"),
    path("clinic/patients/", clinic.patients, name="clinic-patients"),
    path("clinic/patients/<uuid:patient_id>/", clinic.patient, name="clinic-patient"),
    path("clinic/visits/<uuid:appointment_id>/", clinic.visit, name="clinic-visit"),
    path("clinic/visits/<uuid:appointment_id>/cancel/", clinic.cancel, name="clinic-visit-cancel"),
    path("clinic/labels/<str:kind>/<uuid:source_id>/", labels.label, name="label"),
    # a record that is opened in an emergency
    path("clinic/emergency/", emergency.ask, name="emergency"),
    path("clinic/emergency/<uuid:patient_id>/", emergency.chart, name="emergency-chart"),
    path("clinic/emergency/<uuid:patient_id>/close/", emergency.close, name="emergency-close"),
    # the front desk of a doctor
    path("clinic/desk/", front_desk.day, name="desk"),
    path("clinic/desk/book/", front_desk.book, name="desk-book"),
    path("clinic/desk/visits/<uuid:appointment_id>/move/", front_desk.move, name="desk-move"),
    path("clinic/visits/<uuid:appointment_id>/hide/", clinic.hide, name="clinic-visit-hide"),
    # what the doctor writes, and what becomes of it
    path("clinic/visits/<uuid:appointment_id>/note/", notes.note, name="note"),
    path("clinic/visits/<uuid:appointment_id>/note/sign/", notes.sign, name="note-sign"),
    path("clinic/prescriptions/", prescribing.listed, name="clinic-prescriptions"),
    path("clinic/prescriptions/new/", prescribing.new, name="prescription-new"),
    path("clinic/prescriptions/<uuid:prescription_id>/", prescribing.edit, name="prescription-edit"),
    path("clinic/prescriptions/<uuid:prescription_id>/sign/", prescribing.sign, name="prescription-sign"),
    path("clinic/prescriptions/<uuid:prescription_id>/cancel/", prescribing.cancel, name="prescription-cancel"),
    path("prescriptions/<uuid:prescription_id>/", prescriptions.prescription, name="prescription"),
    path("prescriptions/<uuid:prescription_id>.pdf", prescriptions.document, name="prescription-pdf"),
    path("rx/verify/", verify.check, name="verify"),
    path("rx/verify/<str:code>/", verify.check, name="verify-code"),
]
