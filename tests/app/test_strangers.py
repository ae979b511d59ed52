"""The hosted demo's pages: who may cancel, and who somebody is."""

import pytest

from src.jobs import queue
from src.store.database import Store
from tests.app.test_pages import opened, page, store

__all__ = ["store"]  # a fixture


def cancels(at: object) -> list[str]:
    return [one.key for one in at.button if one.key == "cancel"]  # type: ignore[attr-defined]


def test_the_right_to_cancel_is_in_no_address(store: Store, monkeypatch: pytest.MonkeyPatch):
    """A proxy writes addresses down, and links are passed on."""
    monkeypatch.setenv("AWIY_HOSTED", "1")
    at = page("benchmark")
    at.button(key="run").click().run()
    assert not at.exception
    (job,) = queue.waiting(store)
    assert at.query_params["job"] in (job.id, [job.id])
    assert "token" not in at.query_params
    assert cancels(at) == ["cancel"], "who asked may"
    assert cancels(page("benchmark", job=job.id)) == [], "who has the link may not"
    at.button(key="cancel").click().run()
    assert queue.waiting(store) == []


def test_on_ones_own_machine_the_link_may_cancel(store: Store):
    at = page("benchmark")
    at.button(key="run").click().run()
    (job,) = queue.waiting(store)
    (token,) = (
        at.query_params["token"] if isinstance(at.query_params["token"], list) else [at.query_params["token"]]
    )
    assert cancels(page("benchmark", job=job.id, token=token)) == ["cancel"]


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        ({"email": "me@example.org", "email_verified": True, "sub": "7", "iss": "provider"}, "me"),
        (
            {"email": "boss@example.org", "email_verified": False, "sub": "7", "iss": "provider"},
            "7 at provider",
        ),
        ({"email": "boss@example.org", "sub": "7", "iss": "provider"}, "7 at provider"),
    ],
)
def test_an_address_counts_if_its_provider_has_verified_it(
    store: Store, claims: dict[str, object], shown: str
):
    """Else anybody could have runs cancelled in somebody else's name."""
    at = opened("history")
    at.secrets["auth"] = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "x"}
    at.user = {"is_logged_in": True, **claims}
    at.run()
    assert not at.exception
    (caption,) = [one.value for one in at.caption if one.value.startswith("Signed in as")]
    assert caption.startswith(f"Signed in as {shown}")
    assert "boss" not in caption


def test_the_file_of_a_sentence_names_no_host(monkeypatch: pytest.MonkeyPatch):
    """Nor paths: what a page does not say, its downloads do not."""
    from src.limits import disclosed

    answer = {"host": {"name": "jane", "cpu": "A CPU"}, "engines": [{"facts": {"file": "/srv/m.onnx"}}]}
    assert disclosed(answer) == answer
    monkeypatch.setenv("AWIY_HOSTED", "1")
    host = {"name": "", "cpu": "A CPU"}
    assert disclosed(answer) == {"host": host, "engines": [{"facts": {"file": "(a path)"}}]}
