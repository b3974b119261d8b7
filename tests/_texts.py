"""Packaged prompts, and prose that the checks of texts leave in peace."""

from __future__ import annotations

from conf import settings
from jobs import _text_inputs

PROMPTS = _text_inputs.requests_of(settings.load()).prompts
SENTENCES = (
    "Acorda cedo e passa o café antes do rádio.",
    "Guarda os recibos numa lata de biscoito.",
    "Conversa com os vizinhos na calçada, sem pressa nenhuma.",
    "Reclama do calor e abre todas as janelas.",
    "Anda devagar na subida e depressa na descida.",
    "Escreve bilhetes para não esquecer nada.",
    "Prefere a sombra da praça ao banco da varanda.",
    "Canta baixo quando pensa que ninguém escuta.",
    "Perde o guarda-chuva duas vezes por ano.",
    "Não entra em discussão de barriga vazia.",
    "Dobra a roupa com um cuidado que não tem com os papéis.",
    "Lembra cheiro melhor do que lembra rosto.",
)


def prose(start: int, count: int) -> str:
    return " ".join(SENTENCES[(start + i) % len(SENTENCES)] for i in range(count))
