"""Every column says what it holds, whose it is and what becomes of it: the file against the models."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.checks import run_checks

from consultations.models import Appointment
from patients.models import Patient
from telemed.core import datamap


def test_the_file_says_everything_and_nothing_that_is_not_there() -> None:
    assert datamap.faults(datamap.rows()) == []
    assert len(datamap.rows()) > 50


Spoil = Callable[[dict[str, Any]], Any]


def classed(label: str, name: str, kind: str | None, **more: Any) -> Spoil:
    """The same file with another class of one column (None: it is left out)."""

    def spoil(said: dict[str, Any]) -> None:
        spread = {one.strip(): what for names, what in said[label]["fields"].items() for one in names.split(",")}
        spread = {**spread, name: kind}
        said[label] |= {"fields": {one: what for one, what in spread.items() if what}, **more}

    return spoil


def without(label: str) -> Spoil:
    return lambda said: said.pop(label)


def row(label: str, **facts: Any) -> Spoil:
    return lambda said: said.update({label: {**said["patients.allergy"], **facts}})


SPOILT: dict[str, Spoil] = {
    "patients.allergy: say what it holds and whose it is": without("patients.allergy"),
    "otp_static.statictoken: say what it holds and whose it is": without("otp_static.statictoken"),
    "patients.ghost: no such model": row("patients.ghost"),
    "patients.label.codes: say what it holds": classed("patients.label", "codes", None),
    "patients.label.ghost: no such field": classed("patients.label", "ghost", "none"),
    "patients.label.codes: private is no class": classed("patients.label", "codes", "private"),
    "patients.label.codes: encrypted, but the file says": classed("patients.label", "codes", "none"),
    "patients.grant.scope: phi is stored encrypted, or": classed("patients.grant", "scope", "phi"),
    "patients.grant.scope: phi is stored encrypted, whatever": classed(
        "patients.grant", "scope", "phi", plain={"scope": "?"}
    ),
    "core.datakey.wrapped: secret is stored encrypted, or": classed("core.datakey", "wrapped", "secret", plain={}),
    "patients.label.codes: a reason why it is plain": classed("patients.label", "codes", "phi", plain={"codes": "?"}),
    "patients.grant.user: a reference says": classed("patients.grant", "user", "pii", plain={"user": "?"}),
    "patients.allergy: no way to person": row("patients.allergy", about="person"),
    "patients.allergy: forget is no kind of erasure": row("patients.allergy", erase="forget"),
    "patients.allergy: what is about nobody is not erased": row("patients.allergy", erase="none"),
    "patients.allergy: what is about nobody is in no export": row("patients.allergy", about="nobody", erase="none"),
    "patients.allergy: say how the export calls it": row("patients.allergy", export="no: "),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_a_file_that_is_wrong_stops_the_platform(fault: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = yaml.safe_load(datamap.FILE.read_text(encoding="utf-8"))
    SPOILT[fault](said)
    changed = tmp_path / "privacy.yaml"
    changed.write_text(yaml.safe_dump(said), encoding="utf-8")
    monkeypatch.setattr(datamap, "FILE", changed)
    datamap.rows.cache_clear()
    try:
        found = [error.msg for error in run_checks() if error.id == "telemed.E003"]
    finally:
        datamap.rows.cache_clear()
    assert len(found) == 1
    assert found[0].startswith(f"telemed/privacy.yaml: {fault}")


def test_the_rows_of_a_patient_are_theirs_and_nobody_elses(amira: Patient, mateo: Patient, visit: Appointment) -> None:
    def of(label: str, patient: Patient) -> set[Any]:
        return set(datamap.rows()[label].of(patient.pk, patient.user_id).values_list("pk", flat=True))

    assert of("patients.patient", amira) == {amira.pk}
    assert of("accounts.user", amira) == {amira.user_id}
    assert of("consultations.consultation", amira) == {visit.consultation.pk}
    assert of("consultations.consultation", mateo) == set()
    assert of("accounts.clinic", amira) == set()


def test_a_child_without_an_account_has_no_rows_of_an_account(amira: Patient) -> None:
    assert not datamap.rows()["accounts.user"].of(amira.pk, None).exists()


def test_what_the_file_does_not_know_is_guarded_like_health(amira: Patient) -> None:
    assert datamap.said(amira, "sex") == datamap.PHI
    assert datamap.said(amira, "completed_at") == datamap.NONE
    assert datamap.said(amira, "ghost") == datamap.PHI
