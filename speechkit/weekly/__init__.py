"""The unattended job of a team lead: `speechkit weekly` brings the calls of a week from recordings to reports."""
