"""What a server counted: the judge of every test of the client, as JSON and in the names of vLLM."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from jobs._capacity import Capacity


class Counters:
    """The figures of one server since its first request."""

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self.requests = self.answers = self.answered = self.abandoned = 0
        self.in_flight = self.peak_in_flight = 0
        self.repeated_bodies = self.answered_again = 0
        self.prompt_tokens = self.cached_tokens = self.completion_tokens = 0
        self.due_seconds = 0.0
        self.first_request: float | None = None
        self.last_answer: float | None = None
        self.statuses: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.finished: Counter[str] = Counter({"stop": 0, "length": 0})
        # 64-bit hash of every body -> was it answered; 20,000 records take about 4 MB.
        self.bodies: dict[int, bool] = {}

    def arrive(self, digest: int, now: float) -> None:
        """Count a request by the hash of its body."""
        if self.first_request is None:
            self.first_request = now
            self.capacity.begin(now)
        self.requests += 1
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        if digest in self.bodies:
            self.repeated_bodies += 1
        else:
            self.bodies[digest] = False

    def write(self, digest: int, usage: Mapping[str, Any], finish_reason: str, due_seconds: float) -> None:
        """Count an answer when it is written: from now on it is paid, whether it arrives or not."""
        self.answers += 1
        self.answered_again += self.bodies[digest]
        self.bodies[digest] = True
        self.prompt_tokens += usage["prompt_tokens"]
        self.cached_tokens += usage["prompt_tokens_details"]["cached_tokens"]
        self.completion_tokens += usage["completion_tokens"]
        self.finished[finish_reason] += 1
        self.due_seconds += due_seconds

    def end(self, status: int, now: float) -> None:
        """Count the end of a request; 499 stands for those that got no status."""
        self.in_flight -= 1
        self.statuses[str(status)] += 1
        if status == 200:
            self.answered += 1
            self.last_answer = now

    def stats(self) -> dict[str, Any]:
        """All figures; `jobs/_chat_app.py` says what they mean."""
        capacity = self.capacity
        first, last = self.first_request, self.last_answer
        return {
            "chat_requests": self.requests,
            "answers_written": self.answers,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "requests_by_status": dict(self.statuses),
            "faults_played": dict(sorted(self.faults.items())),
            "distinct_bodies": len(self.bodies),
            "distinct_answers": self.answers - self.answered_again,
            "repeated_bodies": self.repeated_bodies,
            "answered_again": self.answered_again,
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "in_flight": self.in_flight,
            "peak_in_flight": self.peak_in_flight,
            "running": capacity.running,
            "peak_running": capacity.peak_running,
            "waiting": capacity.waiting,
            "peak_waiting": capacity.peak_waiting,
            "slots": capacity.slots,
            "seconds": 0.0 if first is None or last is None else last - first,
            "busy_slot_seconds": capacity.busy_seconds,
            "due_slot_seconds": self.due_seconds,
            "offered_slot_seconds": capacity.offered_seconds,
            "cpu_seconds": time.process_time(),
        }

    def prometheus(self, model: str) -> str:
        """The figures that vLLM has, in its names, and the number of requests."""
        figures: list[tuple[str, str, dict[str, str], int]] = [
            ("vllm:num_requests_running", "gauge", {}, self.capacity.running),
            ("vllm:num_requests_waiting", "gauge", {}, self.capacity.waiting),
            ("vllm:prompt_tokens_total", "counter", {}, self.prompt_tokens),
            ("vllm:generation_tokens_total", "counter", {}, self.completion_tokens),
            ("vllm:prefix_cache_queries_total", "counter", {}, self.prompt_tokens),
            ("vllm:prefix_cache_hits_total", "counter", {}, self.cached_tokens),
            *(
                ("vllm:request_success_total", "counter", {"finished_reason": reason}, count)
                for reason, count in sorted(self.finished.items())
            ),
            ("povo:chat_requests_total", "counter", {}, self.requests),
        ]
        lines: list[str] = []
        for name, kind, labels, value in figures:
            if f"# TYPE {name} {kind}" not in lines:
                lines.append(f"# TYPE {name} {kind}")
            pairs = ",".join(f'{key}="{text}"' for key, text in {"model_name": model, **labels}.items())
            lines.append(f"{name}{{{pairs}}} {value}")
        return "\n".join(lines) + "\n"
