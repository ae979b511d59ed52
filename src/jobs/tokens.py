"""Who may cancel a job: whoever shows its token, or is signed in as who asked."""

import hashlib
import hmac
import secrets


def new_token() -> str:
    """Return a token that nobody can guess: whoever shows it may cancel."""
    return secrets.token_urlsafe(18)


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def may_cancel(job_token_sha256: str, job_owner: str | None, token: str | None, user: str | None) -> bool:
    """Tell whether somebody who shows this token, or is signed in as this user, asked for the job."""
    if token and hmac.compare_digest(hashed(token), job_token_sha256):
        return True
    return bool(user and job_owner and user == job_owner)
