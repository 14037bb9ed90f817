"""The components of the pages, as template tags. Nothing here writes a style attribute, an event attribute or a
script, so that every page runs under the strict content policy. Texts come in already translated."""

import functools
import re
import zipfile
from importlib import resources
from typing import Any

from django import template
from django.forms import BoundField
from django.forms.utils import flatatt
from django.template.defaultfilters import slugify
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

register = template.Library()

DIRECTED = ("chevron-right", "chevron-left", "arrow-right", "arrow-left", "send")  # they mirror in right-to-left pages
NOTICE_ICONS = {"info": "info", "warning": "triangle-alert", "danger": "circle-alert", "success": "circle-check"}


@functools.cache
def _drawing(name: str) -> SafeString:
    with resources.files("lucide").joinpath("lucide.zip").open("rb") as file:
        svg = zipfile.ZipFile(file).read(f"{name}.svg").decode()
    body = re.search(r"<svg[^>]*>(.*)</svg>", svg, re.DOTALL)
    if body is None:
        raise template.TemplateSyntaxError(f"no icon is called {name}")
    return mark_safe(re.sub(r"\s+", " ", body[1]).strip().replace("> <", "><"))  # noqa: S308 -- a drawing of a package


@register.simple_tag
def icon(name: str, size: int = 20, cls: str = "", label: str = "") -> SafeString:
    """Decorative unless ``label`` is given; give it only where no text says the same."""
    said = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    classes = " ".join(part for part in ("i", "i-flip" if name.startswith(DIRECTED) else "", cls) if part)
    return format_html(
        '<svg class="{}" width="{}" height="{}" viewBox="0 0 24 24" {}>{}</svg>',
        classes,
        size,
        size,
        said,
        _drawing(name),
    )


@register.simple_tag
def avatar(name: str, size: str = "md", status: str = "") -> SafeString:
    """Initials on one of six tones that follow from the name."""
    words = re.sub(r"^(Dr|Mr|Mrs|Ms|Prof)\.? ", "", name).split() or ["?"]
    initials = (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()
    dot = format_html('<span class="avatar__dot avatar__dot--{}"></span>', status) if status else ""
    tone = sum(map(ord, name)) % 6 + 1
    return format_html(
        '<span class="avatar avatar--{} tone-{}" aria-hidden="true">{}{}</span>', size, tone, initials, dot
    )


@register.simple_tag
def badge(text: str, tone: str = "neutral", icon_name: str = "", dot: bool = False) -> SafeString:
    lead = (
        icon(icon_name, 14) if icon_name else mark_safe('<span class="dot" aria-hidden="true"></span>') if dot else ""
    )
    return format_html('<span class="badge badge--{}">{}{}</span>', tone, lead, text)


@register.simple_block_tag
def card(
    content: str, title: str = "", hint: str = "", action: str = "", href: str = "", cls: str = "", level: int = 2
) -> SafeString:
    """A section with a heading and at most one link of its own."""
    if not title:
        return format_html('<section class="card {}">{}</section>', cls, content)
    name = f"card-{slugify(title) or abs(hash(title))}"
    said = format_html('<p class="card__hint">{}</p>', hint) if hint else ""
    more = (
        format_html(
            '<a class="link-quiet" href="{}">{}<span class="vh"> – {}</span>{}</a>',
            href,
            action,
            title,
            icon("chevron-right", 16),
        )
        if action
        else ""
    )
    head = format_html(
        '<header class="card__head"><div><h{0} class="card__title" id="{1}">{2}</h{0}>{3}</div>{4}</header>',
        level,
        name,
        title,
        said,
        more,
    )
    return format_html('<section class="card {}" aria-labelledby="{}">{}{}</section>', cls, name, head, content)


@register.simple_block_tag
def notice(content: str, tone: str = "info", title: str = "", icon_name: str = "", role: str = "") -> SafeString:
    tone = "danger" if tone == "error" else tone  # Django's messages call it so
    head = format_html('<p class="notice__title">{}</p>', title) if title else ""
    said = format_html(' role="{}"', role) if role else ""
    return format_html(
        '<div class="notice notice--{}"{}>{}<div class="notice__body">{}{}</div></div>',
        tone,
        said,
        icon(icon_name or NOTICE_ICONS[tone]),
        head,
        content,
    )


@register.simple_block_tag
def empty(content: str, title: str, icon_name: str = "inbox") -> SafeString:
    """Nothing here yet: what it is, and one thing to do."""
    return format_html('<div class="empty">{}<p class="strong">{}</p>{}</div>', icon(icon_name, 32), title, content)


@register.simple_tag
def control(field: BoundField, cls: str = "input", **attributes: Any) -> SafeString:
    """The control of a field, tied to its hint and its error."""
    described = " ".join(
        part
        for part in (
            f"{field.auto_id}-hint" if field.help_text else "",
            f"{field.auto_id}-error" if field.errors else "",
        )
        if part
    )
    extra = {name.replace("_", "-"): value for name, value in attributes.items()}
    if described:
        extra["aria-describedby"] = described
    if field.errors:
        extra["aria-invalid"] = "true"
    plain = getattr(field.field.widget, "input_type", "") in ("checkbox", "radio")
    return field.as_widget(attrs={**extra, **({} if plain else {"class": cls})})


@register.simple_tag
def attributes(**pairs: Any) -> SafeString:
    return flatatt(pairs)


@register.simple_tag(takes_context=True)
def here(context: template.Context, section: str) -> SafeString:
    """Marks the entry of the navigation that the page belongs to."""
    return mark_safe(' aria-current="page"') if context.get("section") == section else mark_safe("")


@register.simple_tag
def hold_clock(seconds: int) -> str:
    """'9:41' for the count-down that a script takes over."""
    return f"{seconds // 60}:{seconds % 60:02d}"


@register.filter
def optional(field: BoundField) -> str:
    return "" if field.field.required else _("optional")


@register.simple_tag(takes_context=True)
def css(context: template.Context, name: str) -> SafeString:
    """A style sheet of ours, with the nonce that the content policy asks for."""
    return format_html(
        '<link rel="stylesheet" href="{}" nonce="{}">', static(f"css/{name}.css"), context["request"].csp_nonce
    )


@register.simple_tag(takes_context=True)
def module(context: template.Context, name: str) -> SafeString:
    """A script module of ours; what it imports inherits the nonce."""
    return format_html(
        '<script type="module" src="{}" nonce="{}"></script>', static(f"js/{name}.js"), context["request"].csp_nonce
    )


@register.simple_tag(takes_context=True)
def htmx(context: template.Context) -> SafeString:
    """htmx, for pages whose parts refresh themselves. It may not write styles, evaluate code or leave this host."""
    config = '{"includeIndicatorCSS":false,"transitions":false}'
    return format_html(
        '<meta name="htmx-config" content="{}"><script src="{}" nonce="{}" defer></script>',
        config, static("vendor/htmx/htmx-4.0.1.min.js"), context["request"].csp_nonce,
    )  # fmt: skip


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> SafeString:
    """The theme that the person chose before; without a choice the device decides."""
    chosen = context["request"].COOKIES.get("theme", "") if "request" in context else ""
    return format_html(' data-theme="{}"', chosen) if chosen in {"light", "dark"} else mark_safe("")
