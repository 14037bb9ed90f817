"""Who a patient is, what is known about them, and who may know it, in FHIR R4."""

from patients.fhir import chart, people, requests, trail

TABLES = (*people.TABLES, *chart.TABLES, *trail.TABLES, *requests.TABLES)
