"""What holds for every record the offline writer is given, over some hundreds of very different persons."""

from __future__ import annotations

import json
import random
import re
import statistics
import subprocess
import sys
from collections import Counter
from typing import Any, NamedTuple

import jsonschema_rs
import pytest
from _texts import PROMPTS

from census import codes
from udfs import offline_writer, parsing, prompts
from udfs.offline_writer import grammar, personas, trades
from udfs.offline_writer.lexicon import Template

# Title of a woman, of a man, place of the group in the code book, the trade it should find.
TITLES = (
    ("Cozinheira geral", "Cozinheiro geral", 4, "cozinha"),
    ("Técnica de enfermagem", "Técnico de enfermagem", 2, "enfermagem"),
    ("Professora de matemática no ensino médio", "Professor de matemática no ensino médio", 1, "ensino"),
    ("Pedreira", "Pedreiro", 6, "obra"),
    ("Motorista de ônibus urbano", "Motorista de ônibus urbano", 7, "volante"),
    ("Mecânica de manutenção de máquinas", "Mecânico de manutenção de máquinas", 6, "mecanica"),
    ("Operadora de caixa", "Operador de caixa", 4, "caixa"),
    ("Operadora de máquinas fixas", "Operador de máquinas fixas", 7, "fabrica"),
    ("Soldadora", "Soldador", 6, "metal"),
    ("Soldado da Polícia Militar", "Soldado da Polícia Militar", 9, "farda"),
    ("Chefe de cozinha", "Chefe de cozinha", 4, "cozinha"),
    ("Gerente de loja e supermercado", "Gerente de loja e supermercado", 0, "chefia"),
    ("Auxiliar de escritório", "Auxiliar de escritório", 3, "escritorio"),
    ("Faxineira", "Faxineiro", 8, "limpeza"),
    ("Trabalhadora da cultura de cana-de-açúcar", "Trabalhador da cultura de cana-de-açúcar", 5, "roca"),
    ("Empregada doméstica nos serviços gerais", "Empregado doméstico nos serviços gerais", 8, "casa alheia"),
    ("Engenheira civil", "Engenheiro civil", 1, "engenharia"),
    ("DJ", "DJ", 2, "comunicacao e artes"),
    ("Vendedora ambulante", "Vendedor ambulante", 4, "ambulante"),
    ("Pescadora artesanal de água doce", "Pescador artesanal de água doce", 5, "pesca e mata"),
)
CITIES = ("Caruaru", "São Luís", "Alta Floresta D'Oeste", "Brasília", "Mogi das Cruzes", "Rio de Janeiro", "Uruguaiana")
SURNAMES = ("da Silva", "Oliveira", "Schneider", "Cavalcante de Brito", "dos Santos Teixeira", "Moura")
FIRST = {"F": ("Maria", "Larissa", "Terezinha", "Beatriz"), "M": ("João", "Sebastião", "Davi", "Thiago")}


class Written(NamedTuple):
    person: dict[str, Any]
    call1: dict[str, Any]
    call2: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        return parsing.record_texts(self.call1, self.call2)


def make_person(i: int) -> dict[str, Any]:
    """The i-th person: every stage of life, sex, state and trait band comes round."""
    draw = random.Random(i)
    sex, state = "FM"[i % 2], codes.STATES[i % 27]
    activity = draw.choices(codes.ACTIVITIES, (55, 8, 8, 15, 8, 6))[0]
    low, high = {"estudante": (18, 30), "aposentado": (56, 100)}.get(activity, (18, 85))
    works, title = activity == "ocupado", draw.choice(TITLES)
    position = draw.choice(codes.POSITIONS) if works else None
    return {
        "uuid": f"{draw.getrandbits(128):032x}",
        "first_name": draw.choice(FIRST[sex]),
        "middle_name": draw.choice(("", "Clara" if sex == "F" else "Pedro")),
        "last_name": draw.choice(SURNAMES),
        "sex": sex,
        "age_years": draw.randint(low, high),
        "zone": draw.choice(("urbana", "urbana", "rural")),
        "race": draw.choice(codes.RACES),
        "education_level": draw.choice(codes.EDUCATION_LEVELS),
        "marital_status": draw.choice(codes.MARITAL_STATUSES),
        "in_union": draw.random() < 0.5,
        "religion": draw.choice((*codes.RELIGIONS, None)),
        "activity": activity,
        "occupation_group": codes.OCCUPATION_GROUPS[title[2]] if works else None,
        "occupation_title": title[i % 2] if works else None,
        "position": position,
        "is_mei": position == "conta própria" and draw.random() < 0.5,
        "income_brl": draw.lognormvariate(7.5, 0.8) if works else None,
        "former_occupation_title": title[i % 2] if activity in ("aposentado", "desocupado") else None,
        **{trait: draw.uniform(20, 80) for trait in codes.TRAITS},
        "municipality_name": draw.choice(CITIES),
        "state_name": state.name,
        "region_name": state.region,
        "regional_dishes": draw.choice(([], ["vatapá do Pará", "arroz com pequi"])),
        "regional_feasts": draw.choice(([], ["Círio de Nazaré"])),
        "regional_places": draw.choice(([], ["Chapada Diamantina", "Serra da Canastra"])),
        "regional_music": draw.choice(([], ["Frevo"])),
        "regional_crafts": draw.choice(([], ["literatura de cordel"])),
        "regional_products": draw.choice(([], ["queijo da Canastra"])),
        "local_places": draw.choice(([], ["Museu do Barro"])),
        "sports": draw.choice(([], ["caminhada", "dança"], ["nenhum, por falta de tempo", "futebol"])),
        "trips": draw.choice(([], ["praia"])),
    }


def write(person: dict[str, Any], attempt: int = 0) -> Written:
    call1 = offline_writer.write(prompts.render(PROMPTS, 1, person, attempt))
    call2 = offline_writer.write(prompts.render(PROMPTS, 2, person, attempt, call1))
    return Written(person, call1, call2)


@pytest.fixture(scope="module")
def written() -> list[Written]:
    return [write(make_person(i)) for i in range(540)]


def test_every_answer_follows_its_schema_and_passes_the_checks(written: list[Written]) -> None:
    attributes = jsonschema_rs.validator_for(json.loads(PROMPTS.attributes_schema))
    personas = jsonschema_rs.validator_for(json.loads(PROMPTS.personas_schema))
    for record in written:
        attributes.validate(record.call1)
        personas.validate(record.call2)
        assert parsing.check_record(record.call1, record.call2, record.person) == []


def test_no_paragraph_is_written_twice(written: list[Written]) -> None:
    counts = Counter(paragraph for record in written for paragraph in record.texts)
    assert counts.most_common(1)[0][1] == 1


def test_a_paragraph_says_nothing_twice(written: list[Written]) -> None:
    for record in written:
        for paragraph in record.texts:
            said = re.split(r"(?<=[.?!]) ", paragraph)
            assert len(set(said)) == len(said), paragraph


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        *((field, 750) for field in parsing.NARRATIVES),
        *((f, 300) for f in prompts.PERSONA_FIELDS[:5]),
        ("persona", 180),
    ],
)
def test_mean_lengths_are_within_a_tenth_of_what_is_asked(written: list[Written], field: str, wanted: int) -> None:
    lengths = [len((record.call1 | record.call2)[field]) for record in written]
    assert 0.9 * wanted <= statistics.mean(lengths) <= 1.1 * wanted
    outside = sum(not 0.8 * wanted <= length <= 1.2 * wanted for length in lengths)
    assert outside / len(lengths) < 0.12


def test_fields_of_the_record_are_repeated_as_often_as_in_the_reference(written: list[Written]) -> None:
    found: dict[str, list[bool]] = {}
    for record in written:
        for name, is_said in parsing.mentions(record.texts, record.person).items():
            if name != "occupation" or record.person["occupation_title"]:
                found.setdefault(name, []).append(is_said)
    rates = {name: statistics.mean(values) for name, values in found.items()}
    assert rates["name"] == rates["municipality"] == 1
    assert 0.75 <= rates["state"] <= 0.92
    assert 0.80 <= rates["occupation"] <= 0.95
    assert 0.55 <= rates["age"] <= 0.75


def test_neighbouring_texts_do_not_open_alike(written: list[Written]) -> None:
    alike = 0
    for record in written:
        row = [*record.call2.values(), *(record.call1[field] for field in parsing.NARRATIVES)]  # as published
        openings = [" ".join(parsing.fold(paragraph).split()[:3]) for paragraph in row]
        alike += sum(openings[i] == openings[i + 1] for i in range(len(openings) - 1))
    assert alike <= len(written) * 0.02


def test_race_children_and_unstated_partners_are_never_told(written: list[Written]) -> None:
    never = re.compile(
        r"\b(filh[oa]s?|net[oa]s?|irmã[os]*|irmão|negr[oa]s?|branc[oa] de pele|pard[oa]s?|raça|etnia|indígenas?|"
        r"marido|esposa|espos[oa])\b"
    )
    couple = re.compile(r"\b(manhã a dois|[Vv]ive a dois|casad[oa]|casamento|quem escolheu|que ama|em união)\b")
    for record in written:
        said = " ".join(record.texts)
        assert not never.search(said), never.search(said)
        if not record.person["in_union"] and record.person["marital_status"] == "Solteiro":
            assert not couple.search(said), couple.search(said)


def test_words_agree_with_the_persons_gender(written: list[Written]) -> None:
    wrong = {
        "F": r"\b(Ele|aposentado|solteiro|casado|divorciado|viúvo|teimoso|nervoso|conhecido por|dono d[oa])\b",
        "M": r"\b(Ela|aposentada|solteira|casada|divorciada|viúva|teimosa|nervosa|conhecida por|dona d[oa])\b",
    }
    for record in written:
        said = " ".join(record.texts)
        found = re.search(wrong[record.person["sex"]], said)
        assert not found, said[max(0, found.start() - 60) : found.end() + 20]


def test_no_placeholder_no_double_space_no_identifier_is_left(written: list[Written]) -> None:
    for record in written:
        for paragraph in record.texts:
            assert not re.search(r"[{}]|  | [,.;:]|\.\.|\d{4,}|[@#]", paragraph), paragraph
            assert paragraph[0].isupper() and paragraph.endswith(".")
            assert not re.search(r"\b(em|de|por) [oa] (Acre|Bahia|Ceará|Pará|Rio)\b", paragraph), paragraph


@pytest.mark.parametrize(
    ("state", "inside", "of"),
    [
        ("Acre", "no Acre", "do Acre"),
        ("Alagoas", "em Alagoas", "de Alagoas"),
        ("Amapá", "no Amapá", "do Amapá"),
        ("Amazonas", "no Amazonas", "do Amazonas"),
        ("Bahia", "na Bahia", "da Bahia"),
        ("Ceará", "no Ceará", "do Ceará"),
        ("Distrito Federal", "no Distrito Federal", "do Distrito Federal"),
        ("Espírito Santo", "no Espírito Santo", "do Espírito Santo"),
        ("Goiás", "em Goiás", "de Goiás"),
        ("Maranhão", "no Maranhão", "do Maranhão"),
        ("Mato Grosso", "em Mato Grosso", "de Mato Grosso"),
        ("Mato Grosso do Sul", "em Mato Grosso do Sul", "de Mato Grosso do Sul"),
        ("Minas Gerais", "em Minas Gerais", "de Minas Gerais"),
        ("Pará", "no Pará", "do Pará"),
        ("Paraíba", "na Paraíba", "da Paraíba"),
        ("Paraná", "no Paraná", "do Paraná"),
        ("Pernambuco", "em Pernambuco", "de Pernambuco"),
        ("Piauí", "no Piauí", "do Piauí"),
        ("Rio de Janeiro", "no Rio de Janeiro", "do Rio de Janeiro"),
        ("Rio Grande do Norte", "no Rio Grande do Norte", "do Rio Grande do Norte"),
        ("Rio Grande do Sul", "no Rio Grande do Sul", "do Rio Grande do Sul"),
        ("Rondônia", "em Rondônia", "de Rondônia"),
        ("Roraima", "em Roraima", "de Roraima"),
        ("Santa Catarina", "em Santa Catarina", "de Santa Catarina"),
        ("São Paulo", "em São Paulo", "de São Paulo"),
        ("Sergipe", "em Sergipe", "de Sergipe"),
        ("Tocantins", "no Tocantins", "do Tocantins"),
    ],
)
def test_states_take_their_article(state: str, inside: str, of: str) -> None:
    article = grammar.state_article(state)
    assert (grammar.contract("em", article, state), grammar.contract("de", article, state)) == (inside, of)


@pytest.mark.parametrize(
    ("given", "inside"),
    [("Cozinheira", "cozinheira"), ("DJ", "DJ"), ("Oficial da Aeronáutica", "oficial da Aeronáutica"), ("", "")],
)
def test_titles_lose_their_capital_inside_a_sentence(given: str, inside: str) -> None:
    assert grammar.lower_first(given) == inside


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Pedreira", "Pedreira"),
        ("Empregada doméstica nos serviços gerais", "Empregada doméstica"),
        ("Montador de máquinas, motores e acessórios", "Montador de máquinas"),
        (
            "Mecânica de manutenção de automóveis, motocicletas e veículos similares",
            "Mecânica de manutenção de automóveis",
        ),
    ],
)
def test_long_titles_are_said_as_people_say_them(title: str, said: str) -> None:
    assert grammar.spoken_title(title) == said


def test_a_persona_of_a_pastime_says_nothing_twice_in_other_words(written: list[Written]) -> None:
    repeats = 0
    for record in written:
        for field in ("sports_persona", "arts_persona", "travel_persona", "culinary_persona"):
            first, *others = re.split(r"(?<=[.?!]) ", record.call2[field])
            said = set(re.findall(r"\w{7,}", first.lower())) - {record.person["first_name"].lower()}
            repeats += any(said & set(re.findall(r"\w{7,}", other.lower())) for other in others)
    assert repeats / (4 * len(written)) < 0.09


def test_who_looks_for_work_has_the_goals_of_someone_who_has_worked(written: list[Written]) -> None:
    for record in written:
        if record.person["activity"] == "desocupado":
            goals = record.call1["career_goals_and_ambitions"] + record.call2["professional_persona"]
            assert "primeiro salário" not in goals and "aprender uma dança" not in goals


@pytest.mark.parametrize("row", TITLES)
def test_a_title_finds_the_same_trade_in_both_genders(row: tuple[str, str, int, str]) -> None:
    for title in row[:2]:
        found = trades.trade_of(title)
        assert found is not None and found.kin == row[3]


def test_the_same_messages_give_the_same_answer_in_another_process() -> None:
    messages = prompts.render(PROMPTS, 1, make_person(5), 0)
    code = "import json,sys; from udfs import offline_writer as w; print(json.dumps(w.write(json.load(sys.stdin))))"
    other = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(messages), capture_output=True, text=True, check=True
    )
    assert json.loads(other.stdout) == offline_writer.write(messages)


def test_another_attempt_writes_every_text_anew() -> None:
    for i in range(40):
        first, second = write(make_person(i), 0), write(make_person(i), 1)
        assert not set(first.texts) & set(second.texts)


def test_the_second_call_takes_up_the_quoted_hobbies() -> None:
    taken = 0
    for i in range(60):
        record = write(make_person(i))
        items = record.call1["hobbies_and_interests_list"]
        taken += any(parsing.fold(item) in parsing.fold(record.call2["persona"]) for item in items)
    assert taken >= 25


def test_the_call_is_told_from_the_messages_alone() -> None:
    person, call1 = make_person(3), write(make_person(3)).call1
    first, second = prompts.render(PROMPTS, 1, person, 0), prompts.render(PROMPTS, 2, person, 0, call1)
    assert list(offline_writer.write(first[1:])) == list(prompts.ATTRIBUTE_FIELDS)
    assert list(offline_writer.write(second[1:])) == list(prompts.PERSONA_FIELDS)
    assert list(offline_writer.write([second[0], first[1]])) == list(prompts.PERSONA_FIELDS)
    parts = [{"role": "user", "content": [{"type": "text", "text": first[1]["content"]}]}]
    assert offline_writer.write(parts) == offline_writer.write(first[1:])


ODD_BLOCKS = [
    "",
    "Nome completo: Ana",
    "Nome completo: {nome} {x}\nIdade: muitos anos\nMomento de vida: voa",
    f"Nome completo: {'Maria ' * 80}\nPrimeiro nome: Maria\nIdade: 101 anos\nCidade: X\nMomento de vida: trabalha",
    "Nome completo: Li\nPessoa: homem\nIdade: 18 anos\nProfissão: Xyz\nMomento de vida: trabalha\nVersão do texto: um",
    "Nome completo: Zé\nIdade: 99 anos\nCidade: Iá\nEstado: Narnia\nRegião: Além\nPratos da região: ; ;\nSexo: ?",
    "```json\n{não é json}\n```\nNome completo: Ana\nCidade: Bom Jesus",
    "```json\n"
    + '{"cultural_background": 3, "hobbies_and_interests_list": [1, null, ""]}'
    + "\n```\nNome completo: Ana",
]


@pytest.mark.parametrize("block", ODD_BLOCKS, ids=range(len(ODD_BLOCKS)))
def test_odd_records_are_written_about_too(block: str) -> None:
    answer = offline_writer.write([{"role": "user", "content": block}])
    assert all(answer.values())
    quoted = f'```json\n{{"cultural_background": "x"}}\n```\n{block}'
    assert all(offline_writer.write([{"role": "user", "content": quoted}]).values())
    assert offline_writer.write([])


def test_every_record_label_may_be_missing() -> None:
    lines = prompts.record_block(make_person(0), 0).splitlines()
    for i in range(len(lines)):
        block = "\n".join(lines[:i] + lines[i + 1 :])
        assert all(offline_writer.write([{"role": "user", "content": block}]).values())


def test_a_tail_that_a_person_cannot_fill_is_passed_over_for_one_of_its_kind(monkeypatch):
    tails = [[Template("É o que {p} sabe"), Template("Falta {palavra}")], [Template("Falta {palavra}")]]
    monkeypatch.setattr(personas, "_TAILS", dict.fromkeys(personas._TAILS, tails))
    for i in range(20):
        person = make_person(i)
        call1 = offline_writer.write(prompts.render(PROMPTS, 1, person, 0))
        call2 = offline_writer.write(prompts.render(PROMPTS, 2, person, 0, call1))
        assert "É o que" in call2["professional_persona"]
