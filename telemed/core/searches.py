"""What somebody searches for may be a name or an address of somebody else. The address of a page (which browsers, proxies and
logs keep) holds a token for it; the words wait in the session, which is sealed."""

import secrets

from django.http import HttpRequest, HttpResponseRedirect

VAR = "q"
KEY = "searches"
MOST = 20  # in one session; older ones are forgotten
LONGEST = 200


def keep(request: HttpRequest) -> HttpResponseRedirect:
    """From the form that was sent to the page that shows what it finds, with the rest of its address as it is."""
    words, query = request.POST.get(VAR, "").strip()[:LONGEST], request.GET.copy()
    query.pop(VAR, None)
    query.pop("p", None)  # the page of the search before
    if words:
        query[VAR] = secrets.token_urlsafe(6)
        kept = list(request.session.get(KEY, {}).items())[1 - MOST :]
        request.session[KEY] = {**dict(kept), query[VAR]: words}
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}" if query else request.path)


def words(request: HttpRequest) -> str | None:
    """What this page is to find: "" when nothing was asked for, None when nobody here asked for it, or too long ago."""
    token = request.GET.get(VAR, "")
    return request.session.get(KEY, {}).get(token) if token else ""
