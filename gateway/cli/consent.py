"""Commands about who receives what."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import ask, config_option, configured, json_option, parsed_date
from gateway.clock import utc_now
from gateway.errors import ConsentError
from gateway.operations import (
    CATEGORY_NAMES,
    GRANULARITY_NAMES,
    USUAL,
    USUAL_FORMAT,
    USUAL_TRANSPORT,
    Category,
    Consent,
    Gateway,
    Granularity,
    Notice,
    Sharing,
    Terms,
    check_files,
    consents_beside,
    midnight,
    notice_text,
)


@click.group()
def consent() -> None:
    """Who receives what."""


@consent.command("list")
@config_option
@json_option
def consent_list(config_path: Path | None, as_json_text: bool) -> None:
    """List all consents, the newest first."""
    register, now = consents_beside(configured(config_path))
    consents = register.consents()
    if as_json_text:
        listed = [_consent_json(found, now, register.is_being_cut_off(found.id)) for found in consents]
        click.echo(json.dumps(listed, ensure_ascii=False))
        return
    if not consents:
        click.echo("No consent was ever given: nothing is shared.")
    for found in consents:
        granted = ", ".join(f"{c.value} {g.value}" for c, g in found.terms.grants.items())
        state = found.state_at(now).value
        until = found.terms.valid_until.date()
        pending = "; being cut off: the MQTT broker has not confirmed it yet"
        told = pending if register.is_being_cut_off(found.id) else ""
        click.echo(f"{found.id}  {state:<9}  {found.terms.recipient}: {granted}, until {until}{told}")


def _consent_json(found: Consent, now: datetime, being_cut_off: bool) -> dict[str, Any]:
    state = found.state_at(now).value
    return {"id": found.id, "state": state, "being_cut_off": being_cut_off, **found.terms.as_json()}


@consent.command("grant")
@click.option("--recipient", required=True, help="Who receives it.")
@click.option("--purpose", required=True, help="What for: one purpose a consent.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    required=True,
    metavar="CATEGORY=GRANULARITY",
    help="What, and how fine: power=live, electricity=day. Give one for each category.",
)
@click.option("--interval", default=10, show_default=True, help="Seconds between live messages, at least.")
@click.option("--until", metavar="DATE", help="The last day.  [default: a year from now]")
@click.option("--yes", is_flag=True, help="Consent without being asked.")
@config_option
@json_option
def consent_grant(
    recipient: str,
    purpose: str,
    allowed: tuple[str, ...],
    interval: int,
    until: str | None,
    yes: bool,
    config_path: Path | None,
    as_json_text: bool,
) -> None:
    """Give a consent; prints the recipient's credentials, once."""
    now = utc_now()
    end = (
        now + USUAL
        if until is None
        else midnight(parsed_date(until) + timedelta(days=1), configured(config_path).history.zone)
    )
    draft = Terms(
        recipient=recipient,
        purpose=purpose,
        grants=_grants(allowed),
        valid_from=now,
        valid_until=end,
        notice=Notice("", "en"),
        format=USUAL_FORMAT,
        transport=USUAL_TRANSPORT,
        live_interval_s=interval,
    )
    notice = notice_text(draft)
    if not yes:
        click.echo(notice, err=True)
        click.confirm("Do you consent?", abort=True, err=True)
    terms = replace(draft, notice=Notice(notice, "en"))
    given = ask(config_path, Sharing.grant, terms=terms, method="command")
    consent_id, credentials = given.consent.id, given.credentials.fields
    if as_json_text:
        click.echo(json.dumps({"consent": consent_id, **credentials}))
        return
    click.echo(f"Consent {consent_id} is given. The recipient's credentials, shown this once:\n")
    for name, value in credentials.items():
        click.echo(f"  {name:<9}{value}")
    click.echo(f"\nTake it back at any time: p1-gateway consent withdraw {consent_id}")


def _grants(allowed: tuple[str, ...]) -> dict[Category, Granularity]:
    grants = {}
    for rule in allowed:
        category, _, granularity = rule.partition("=")
        try:
            grants[Category(category)] = Granularity(granularity)
        except ValueError:
            raise ConsentError(
                f"--allow {rule}: write CATEGORY=GRANULARITY, with a category of {', '.join(CATEGORY_NAMES)}"
                f" and a granularity of {', '.join(GRANULARITY_NAMES)}"
            ) from None
    return grants


@consent.command("withdraw")
@click.argument("consent_id", metavar="CONSENT")
@config_option
def consent_withdraw(consent_id: str, config_path: Path | None) -> None:
    """Take a consent back: nothing more is sent, and the recipient is cut off."""
    withdrawn = ask(config_path, Sharing.withdraw, consent_id=consent_id, method="command")
    if withdrawn.cut_off:
        click.echo(f"Consent {consent_id} is withdrawn: nothing more is sent, and the recipient is cut off.")
    else:
        click.echo(
            f"Consent {consent_id} is withdrawn: nothing more is sent from here. The MQTT broker does not"
            " answer: cutting the recipient off is tried again until it is done; see p1-gateway consent list."
        )


@consent.command("pause")
@click.argument("consent_id", metavar="CONSENT")
@config_option
def consent_pause(consent_id: str, config_path: Path | None) -> None:
    """Send nothing under a consent for now; its recipient is shut out."""
    ask(config_path, Sharing.pause, consent_id=consent_id, method="command")
    click.echo(f"Consent {consent_id} is paused. Go on with it: p1-gateway consent resume {consent_id}")


@consent.command("resume")
@click.argument("consent_id", metavar="CONSENT")
@config_option
def consent_resume(consent_id: str, config_path: Path | None) -> None:
    """Go on with a paused consent; the recipient's credentials are the same."""
    ask(config_path, Sharing.resume, consent_id=consent_id, method="command")
    click.echo(f"Consent {consent_id} is in force again.")


@consent.command("receipt")
@click.argument("consent_id", metavar="CONSENT")
@config_option
def consent_receipt(consent_id: str, config_path: Path | None) -> None:
    """Print a consent's receipt, as JSON."""
    register, _ = consents_beside(configured(config_path))
    click.echo(json.dumps(register.receipt(consent_id), indent=2, ensure_ascii=False))


@consent.command("verify")
@config_option
def consent_verify(config_path: Path | None) -> None:
    """Check that the register of consents is whole and unaltered, and no older copy."""
    fault = check_files(configured(config_path))
    if fault is not None:
        raise fault
    click.echo("The register of consents is whole.")


@consent.command("accept")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def consent_accept(yes: bool, config_path: Path | None) -> None:
    """Go on after files of the gateway were altered, or older copies put in their place.

    Sharing stays stopped until you start it. Where the register of consents was altered or put back, every
    consent in it ends, since a withdrawal may be missing: give them anew.
    """
    if not yes:
        click.echo(ask(config_path, Gateway.status).sharing, err=True)
        click.confirm("Go on with the files as they are?", abort=True, err=True)
    ask(config_path, Sharing.accept, method="command")
    click.echo(
        "Accepted. Sharing is stopped: look at p1-gateway consent list, then start it with p1-gateway"
        " stop-switch sharing off."
    )
