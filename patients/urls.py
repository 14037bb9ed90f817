from django.urls import path

from patients.views import family, identity, invitations, privacy, record, requests, seen

app_name = "patients"
urlpatterns = [
    # one's own record
    path("record/", record.record, name="record"),
    path("record/sharing/", seen.seen, name="sharing"),
    path("record/disclosures/", privacy.disclosures, name="disclosures"),
    path("record/disclosures.<str:form>", privacy.disclosures_file, name="disclosures-file"),
    path("account/privacy/", privacy.privacy, name="privacy"),
    path("account/privacy/proof.pdf", privacy.proof, name="consent-proof"),
    path("record/items/<uuid:item_id>/hide/", record.hide, name="hide"),
    path("account/profile/", record.profile, name="profile"),
    path("account/identity/", identity.identity, name="identity"),
    path("account/identity/provider/", identity.to_the_provider, name="identity-provider"),
    path("account/identity/return/", identity.from_the_provider, name="identity-return"),
    # the rights over one's data
    path("account/requests/", requests.mine, name="requests"),
    path("account/requests/ask/", requests.ask, name="ask"),
    path("account/requests/<uuid:request_id>/", requests.one, name="request"),
    # the people whom one acts for: who is meant stands in the address
    path("account/family/", family.family, name="family"),
    path("account/family/child/", family.add_child, name="add-child"),
    path("family/<uuid:patient_id>/record/", record.record, name="their-record"),
    path("family/<uuid:patient_id>/record/sharing/", seen.seen, name="their-sharing"),
    path("family/<uuid:patient_id>/disclosures/", privacy.disclosures, name="their-disclosures"),
    path("family/<uuid:patient_id>/disclosures.<str:form>", privacy.disclosures_file, name="their-disclosures-file"),
    path("family/<uuid:patient_id>/privacy/", privacy.privacy, name="their-privacy"),
    path("family/<uuid:patient_id>/privacy/proof.pdf", privacy.proof, name="their-consent-proof"),
    path("family/<uuid:patient_id>/profile/", record.profile, name="their-profile"),
    path("family/<uuid:patient_id>/requests/", requests.mine, name="their-requests"),
    path("family/<uuid:patient_id>/requests/ask/", requests.ask, name="their-ask"),
    path("family/<uuid:patient_id>/people/", family.people, name="people"),
    path("family/<uuid:patient_id>/invite/", invitations.invite, name="invite"),
    path("family/<uuid:patient_id>/hand-over/", invitations.hand_over, name="hand-over"),
    path("family/proxies/<uuid:proxy_id>/", family.proxy, name="proxy"),
    path("family/invitations/<uuid:invitation_id>/", invitations.invitation, name="invitation"),
]
