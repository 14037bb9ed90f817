from django.conf import settings
from django.urls import URLPattern, path

from billing.views import checkout, clinic, history, webhooks

app_name = "billing"
urlpatterns: list[URLPattern] = [
    path("book/<uuid:appointment_id>/pay/", checkout.pay, name="pay"),
    path("book/<uuid:appointment_id>/paid/", checkout.paid, name="paid"),
    path("payments/", history.payments, name="payments"),
    path("payments/<uuid:payment_id>/receipt.pdf", history.receipt, name="receipt"),
    path("payments/webhook/<slug:gateway>/", webhooks.webhook, name="webhook"),
    path("clinic/earnings/", clinic.earnings, name="earnings"),
    path("clinic/earnings.csv", clinic.earnings_csv, name="earnings-csv"),
]
if settings.DEMO:
    from billing.views import demo

    urlpatterns += [
        path("demo/pay/<slug:charge_id>/", demo.pay, name="demo-pay"),
        path("demo/pay/<slug:charge_id>/step/", demo.step, name="demo-step"),
    ]
