"""What servers say of themselves besides answers: the length of their queue, and whether they are well again."""

from __future__ import annotations

import re
from collections.abc import Mapping

import requests

from udfs.endpoints import Endpoints

TIMEOUT_SECONDS = 1.0
NOT_SERVED = frozenset({401, 403, 404, 405, 501})
MISSES_BEFORE_SILENCE = 3

# Gauges of running and of waiting requests, by server.
QUEUE_GAUGES = (
    ("vllm:num_requests_running", "vllm:num_requests_waiting"),
    ("sglang:num_running_reqs", "sglang:num_queue_reqs"),
    ("llamacpp:requests_processing", "llamacpp:requests_deferred"),
)


class Poller:
    """Asks every endpoint for its queue, and those whose breaker is open for their health; for one thread.

    Args:
        model: Servers of several models tell a queue for each.
        headers: Sent along; a gateway may want the key for these pages too.
    """

    def __init__(self, endpoints: Endpoints, session: requests.Session, model: str, headers: Mapping[str, str]) -> None:
        self._endpoints = endpoints
        self._session = session
        self._model = model
        self._headers = dict(headers)
        self._misses: dict[str, int] = {}

    def poll(self) -> None:
        """One round over all endpoints; never raises for what a server does."""
        closed, opened = self._endpoints.closed_urls()
        for url in closed:
            self._endpoints.queue(url, self._queue(url))
        for url in opened:
            if self._is_well(url):
                self._endpoints.seems_well(url)

    def _queue(self, url: str) -> tuple[int, int] | None:
        if self._misses.get(url, 0) >= MISSES_BEFORE_SILENCE:
            return None
        answer = self._get(_root(url) + "/metrics")
        found = None if answer is None or answer.status_code != 200 else read_queue(answer.text, self._model)
        # A server that is only too busy to tell is asked again; one that has no such page is not.
        if found is not None:
            self._misses[url] = 0
        elif answer is not None and (answer.status_code == 200 or answer.status_code in NOT_SERVED):
            self._misses[url] = self._misses.get(url, 0) + 1
        return found

    def _is_well(self, url: str) -> bool:
        health = self._get(_root(url) + "/health")
        if health is not None and health.status_code in NOT_SERVED:
            health = self._get(f"{url}/models")
        return health is not None and health.status_code == 200

    def _get(self, address: str) -> requests.Response | None:
        try:
            return self._session.get(
                address, headers=self._headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, proxies={}
            )
        except requests.RequestException:
            return None


def read_queue(text: str, model: str) -> tuple[int, int] | None:
    """Running and waiting requests from a page of Prometheus text, over all engines of the model; None if not told."""
    for names in QUEUE_GAUGES:
        running, waiting = (_gauge(text, name, model) for name in names)
        if running is not None and waiting is not None:
            return running, waiting
    return None


def _gauge(text: str, name: str, model: str) -> int | None:
    found = re.findall(rf"^{re.escape(name)}(?:{{(.*)}})? ([0-9.eE+]+)", text, re.MULTILINE)
    mine = [value for labels, value in found if f'model_name="{model}"' in labels]
    values = mine or [value for _, value in found]
    return round(sum(float(value) for value in values)) if values else None


def _root(url: str) -> str:
    return url.removesuffix("/v1")
