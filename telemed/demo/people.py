"""The demo people. All of them are invented; the addresses can receive nothing."""

from dataclasses import dataclass, field
from datetime import date, time

from patients.actions.profile import Statement

PASSWORD = "demo pass phrase"  # noqa: S105 -- printed by `make run`, useless outside demo mode
DOMAIN = "demo.example"


@dataclass(frozen=True)
class DemoPerson:
    name: str
    email: str


@dataclass(frozen=True)
class DemoPatient(DemoPerson):
    born: date | None
    sex: str
    zone: str
    language: str
    country: str
    city: str
    allergies: list[Statement] = field(default_factory=list)
    conditions: list[Statement] = field(default_factory=list)


@dataclass(frozen=True)
class DemoChild:
    """A child under the login of a parent."""

    name: str
    parent: str  # email
    relation: str
    born: date
    sex: str
    allergies: list[Statement] = field(default_factory=list)
    conditions: list[Statement] = field(default_factory=list)


@dataclass(frozen=True)
class Offer:
    name: str
    minutes: int
    price: int  # minor units of the clinic's currency
    mode: str = "video"


@dataclass(frozen=True)
class DemoDoctor(DemoPerson):
    specialty: str
    qualification: str
    council: str
    number: str
    languages: list[str]
    since: int
    zone: str
    about: str
    offers: list[Offer]
    days: tuple[int, ...]
    periods: tuple[tuple[time, time], ...]
    jurisdiction: str  # ISO 3166
    school: str
    licence_days: int = 0  # from the day of the demo; 0: the register names no end
    verified: bool = True
    clinic: str = ""  # the host of another clinic than the first


WEEKDAYS = (0, 1, 2, 3, 4)
ALWAYS = ((time(0), time(23, 59)),)
OFFICE = ((time(9), time(12, 30)), (time(13, 30), time(17)))

PATIENTS = [
    DemoPatient(
        "Amira Osman", f"amira@{DOMAIN}", date(1985, 3, 12), "female", "Europe/London", "en", "GB", "London",
        [Statement("Penicillin", "rash")], [Statement("High blood pressure")],
    ),
    DemoPatient("Mateo Silva", f"mateo@{DOMAIN}", date(1997, 8, 2), "male", "Europe/Madrid", "es", "ES", "Madrid", [], [Statement("Asma")]),
    DemoPatient("Yusuf Demir", f"yusuf@{DOMAIN}", None, "male", "Africa/Cairo", "ar", "EG", "Cairo"),
]  # fmt: skip

CHILDREN = [
    DemoChild("Karim Osman", f"amira@{DOMAIN}", "MTH", date(2019, 5, 20), "male", [Statement("Peanuts", "swollen lips")]),
]  # fmt: skip

DOCTORS = [
    DemoDoctor(
        "Dr Lina Haddad", f"lina@{DOMAIN}", "general-practice", "MBBS, MRCGP", "General Medical Council", "7654321", ["en", "ar"], 2009,
        "Europe/London", "Family doctor. Listens first, explains in plain words, and writes a plan after each visit. On duty day and night in this demo.",
        [Offer("Short call", 10, 1500), Offer("Video visit", 20, 4800)], tuple(range(7)), ALWAYS, "GB", "University of Leeds", 400,
    ),
    DemoDoctor(
        "Dr Kofi Mensah", f"kofi@{DOMAIN}", "dermatology", "MBChB, FWACP", "Medical and Dental Council of Ghana", "MDC-11872", ["en", "fr"], 2012,
        "Africa/Accra", "Rashes, eczema, acne and moles. Sends a written plan after each visit.", [Offer("Skin visit", 20, 4500)], (0, 1, 2, 3, 4, 5), OFFICE, "GH", "University of Ghana", 23,
    ),
    DemoDoctor(
        "Dr Salma Benali", f"salma@{DOMAIN}", "dermatology", "MD", "Ordre National des Médecins, Maroc", "18-4471", ["ar", "fr", "en"], 2017,
        "Africa/Casablanca", "Skin of colour, pigmentation, hair loss. Prescriptions the same day.", [Offer("Skin visit", 15, 3800)], WEEKDAYS, OFFICE, "MA", "Université Hassan II",
    ),
    DemoDoctor(
        "Dr Tomasz Nowak", f"tomasz@{DOMAIN}", "general-practice", "lek. med.", "Naczelna Izba Lekarska", "2384716", ["pl", "en"], 2005,
        "Europe/Warsaw", "General practice for all ages. First look at everything, referrals within a day.", [Offer("Free first call", 10, 0), Offer("Video visit", 15, 2900)],
        (0, 1, 2, 3, 4, 5, 6), ((time(7), time(11)), (time(16), time(20))), "PL", "Uniwersytet Jagielloński",
    ),
    DemoDoctor(
        "Dr Priya Raman", f"priya@{DOMAIN}", "endocrinology", "MBBS, MD, DM", "Tamil Nadu Medical Council", "TNMC-90812", ["en", "hi", "ta"], 2008,
        "Asia/Kolkata", "Diabetes and thyroid. Reads your home readings with you.", [Offer("Diabetes visit", 30, 3500)], WEEKDAYS, OFFICE, "IN-TN", "Madras Medical College", 900,
    ),
    DemoDoctor(
        "Dr Mei Tanaka", f"mei@{DOMAIN}", "paediatrics", "MD, PhD", "Ministry of Health, Labour and Welfare", "451207", ["ja", "en"], 2014,
        "Asia/Tokyo", "Children from birth to sixteen, and their tired parents.", [Offer("Child visit", 20, 4000)], (0, 1, 2, 3, 5), OFFICE, "JP", "University of Tokyo",
    ),
    DemoDoctor(
        "Dr Daniel Reyes", f"daniel@{DOMAIN}", "psychiatry", "Médico Cirujano, Psiquiatría", "Secretaría de Salud, DGP", "8812604", ["es", "en"], 2011,
        "America/Mexico_City", "Anxiety, sleep and mood. Long first visits, short follow-ups.", [Offer("First visit", 40, 6500), Offer("Follow-up", 20, 3800)], WEEKDAYS, OFFICE, "MX", "Universidad Nacional Autónoma de México",
    ),
    DemoDoctor(
        "Dr Noor Aziz", f"noor@{DOMAIN}", "cardiology", "MBBS, MRCP", "General Medical Council", "7712009", ["en", "ur"], 2013,
        "Europe/London", "Heart rhythm and blood pressure.", [Offer("Heart visit", 30, 7000)], WEEKDAYS, OFFICE, "GB", "Imperial College London", 380, verified=False,
    ),
    DemoDoctor(
        "Dr Devi Rao", f"devi@{DOMAIN}", "cardiology", "MBBS, DM", "Maharashtra Medical Council", "2006-118", ["en", "hi"], 2006,
        "Asia/Kolkata", "Blood pressure, rhythm, and life after a heart attack.", [Offer("Heart visit", 30, 120000)], WEEKDAYS, OFFICE, "IN", "University of Mumbai",
        clinic="heart.localhost",
    ),
]  # fmt: skip

SECOND_CLINIC = {
    "name": "Heart House", "host": "heart.localhost", "accent": "plum", "country": "IN", "time_zone": "Asia/Kolkata", "currency": "INR",
    "emergency_number": "112", "phone": "+912222660000", "email": f"hello@{DOMAIN}", "address": "2 Marine Drive, Mumbai",
    "languages": ["en", "ar"], "free_cancel_hours": 24,
}  # fmt: skip
# Who works in the back office, and their roles.
STAFF = {
    f"admin@{DOMAIN}": ("Sam Okafor", "admin"),
    f"privacy@{DOMAIN}": ("Ines Duarte", "compliance"),
    f"privacy2@{DOMAIN}": ("Tara Quinn", "compliance"),  # what cannot be undone takes two
    f"records@{DOMAIN}": ("Rita Olsen", "records"),
    f"support@{DOMAIN}": ("Grace Bello", "support"),
    f"finance@{DOMAIN}": ("Leo Brandt", "finance"),
}
# Who keeps whose diary: address, name, doctor.
DESK = (f"hana@{DOMAIN}", "Hana Idris", f"lina@{DOMAIN}")
EVERYONE: list[DemoPerson] = [*PATIENTS, *DOCTORS]
EMAILS = [*(person.email for person in EVERYONE), DESK[0], *STAFF]
