"""The app that `INSTALLED_APPS` names: it brings the system checks, and nothing else."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register

from errnorm.django.checks import CHECKS


class ErrnormConfig(AppConfig):
    """`errnorm.django`, labelled `errnorm`."""

    name = "errnorm.django"
    label = "errnorm"
    verbose_name = "errnorm"

    def ready(self) -> None:
        """Registers the checks."""
        for check in CHECKS:
            register(check)
