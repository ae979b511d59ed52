"""Engines answer before they are timed: the same tokens are demanded of all, and their answers are kept."""

import time

from src.bench.plan import Case
from src.bench.record import Cell
from src.bench.seat import Seat
from src.bench.session import Session
from src.engines import registry
from src.workers.agreement import shape_name
from src.workers.handle import Handle, WorkerFailed
from src.workers.repeats import TOLERANCE, distance


class Answering:
    """The answers of one run. `texts` are those of each length, `ids` their tokens as the first engine saw
    them.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.texts: dict[int, tuple[str, ...]] = {}
        self.ids: dict[int, list[list[int]]] = {}

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Return batch size and length of every shape of the plan."""
        plan = self.session.plan
        return [(batch, length) for batch in plan.batch_sizes for length in plan.sequence_lengths]

    def ask(self, seat: Seat, worker: Handle, engines_left: int) -> None:
        """Give a worker its inputs, check that it sees the same tokens as all, and keep its answers of
        as many shapes as the budget affords. Raises WorkerFailed, OutOfBudget.
        """
        session = self.session
        timeout_s = session.settings.answer_timeout_s
        began = time.monotonic()
        for number, (batch, length) in enumerate(self.shapes):
            session.let_sentences_go_first()
            name, texts = shape_name(batch, length), self.texts[length]
            self.check_tokens(length, worker.prepare(name, texts, batch).ids)
            first, call = (worker.infer(name, len(texts), timeout_s).ns[0] for _ in range(2))
            cell = Cell(0, seat.engine, Case(batch, length, seat.threads, "model"))
            # The kept baseline of a later group has had its first call long ago.
            session.first_call_ms.setdefault(cell, first / 1e6)
            if number and not session.budget.affords_more(seat.key, began, batch, call / 1e9, engines_left):
                break  # its cells of this shape and of the others are left out
            session.budget.note_call(seat.key, batch, length, call / 1e9)
            session.budget.check_answers(batch, length, call / 1e9)
            logits = worker.infer(name, batch, timeout_s).logits
            if seat.spec.id == registry.ACCURACY_BASELINE:
                session.reference.setdefault((batch, length), logits)
            if seat.spec.answers:
                session.logits[seat.key, batch, length] = logits

    def ask_again(self, seat: Seat, worker: Handle) -> None:
        """Give an engine's new process the inputs that the first had, and have it answer them as that did.
        Raises WorkerFailed.
        """
        session = self.session
        for batch, length in self.shapes:
            if (seat.key, batch, length) in session.budget.calls_s:
                session.let_sentences_go_first()
                name = shape_name(batch, length)
                self.check_tokens(length, worker.prepare(name, self.texts[length], batch).ids)
                logits = worker.infer(name, batch, session.settings.answer_timeout_s).logits
                before = session.logits.get((seat.key, batch, length))
                if before and (apart := distance(logits, before)) > TOLERANCE:
                    raise WorkerFailed(
                        f"In a new process it answered a text otherwise (a logit by {apart:.3g}): its "
                        "processes cannot be measured as one engine."
                    )

    def check_tokens(self, length: int, tokens: list[list[int]]) -> None:
        """Raise WorkerFailed where a worker sees other tokens than it should, or than the others."""
        if any(len(row) != length for row in tokens):
            raise WorkerFailed(f"It tokenised texts of {length} tokens to another length.")
        if self.ids.setdefault(length, tokens) != tokens:
            raise WorkerFailed("It tokenised the texts differently from the other engines.")
