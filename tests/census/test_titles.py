"""The reviewed table of occupation titles: every CBO 2002 code, in the masculine and in the feminine."""

import csv
import hashlib
import re
from importlib import resources

import pytest

# Of the 2,713 six-digit codes of the CBO 2002 (Ministério do Trabalho e Emprego), sorted, one a line.
CODES_SHA256 = "70cd68483f03c7fc07655aa7e610645c22e8794e08749c48460c366c9dc85296"

RULES = {"or_ora", "o_a", "common_gender", "irregular", "reviewed"}
ACRONYMS = {"DJ", "PCP", "TV"}
# Words written with a capital because they belong to the name of an institution.
INSTITUTION_WORD = re.compile(
    "Aeronáutica|Bombeiros|Corpo|Distrito|Estado|Executivo|Exército|Fazenda|Federal|Judiciário|Justiça|Marinha|Militar"
    "|Nacional|Poder|Polícia|Previdência|Receita|República|Social|Superior|Supremo|Trabalho|Tribunal|União"
)
FEMININE_ONLY = {"322135", "516215"}  # Doula, Mãe social
# The adjective comes after the complement and still agrees with the person: "promotora de vendas especializada".
ADJECTIVE_AFTER_COMPLEMENT = {"354130"}

PREPOSITION = re.compile("a|à|ao|com|da|das|de|do|dos|em|na|nas|no|nos|para|por|sem|sob")
# Masculine endings that are the same word for a woman.
COMMON_IN_O_OR_R = {"cabo", "major", "membro", "modelo", "piloto", "sargento", "soldado", "superior", "traumato"}

# Written from knowledge of the language, not from the table.
KNOWN_PAIRS = {
    "223505": ("Enfermeiro", "Enfermeira"),
    "225125": ("Médico clínico", "Médica clínica"),
    "225250": ("Médico ginecologista e obstetra", "Médica ginecologista e obstetra"),
    "225260": ("Médico neurocirurgião", "Médica neurocirurgiã"),
    "225235": ("Médico cirurgião plástico", "Médica cirurgiã plástica"),
    "223208": ("Cirurgião-dentista clínico geral", "Cirurgiã-dentista clínica geral"),
    "223293": (
        "Cirurgião-dentista da estratégia de saúde da família",
        "Cirurgiã-dentista da estratégia de saúde da família",
    ),
    "223625": ("Fisioterapeuta respiratório", "Fisioterapeuta respiratória"),
    "222110": ("Engenheiro agrônomo", "Engenheira agrônoma"),
    "214205": ("Engenheiro civil", "Engenheira civil"),
    "214410": ("Engenheiro mecânico automotivo", "Engenheira mecânica automotiva"),
    "214915": ("Engenheiro de segurança do trabalho", "Engenheira de segurança do trabalho"),
    "322205": ("Técnico de enfermagem", "Técnica de enfermagem"),
    "322230": ("Auxiliar de enfermagem", "Auxiliar de enfermagem"),
    "322410": ("Protético dentário", "Protética dentária"),
    "515105": ("Agente comunitário de saúde", "Agente comunitária de saúde"),
    "515115": ("Parteiro leigo", "Parteira leiga"),
    "231340": ("Professor de matemática do ensino fundamental", "Professora de matemática do ensino fundamental"),
    "239405": ("Coordenador pedagógico", "Coordenadora pedagógica"),
    "111205": ("Presidente da República", "Presidente da República"),
    "111120": ("Vereador", "Vereadora"),
    "111325": ("Juiz de direito", "Juíza de direito"),
    "242405": ("Defensor público", "Defensora pública"),
    "242245": ("Subprocurador-geral da República", "Subprocuradora-geral da República"),
    "254105": ("Auditor-fiscal da Receita Federal", "Auditora-fiscal da Receita Federal"),
    "241335": ("Tabelião de notas", "Tabeliã de notas"),
    "351420": ("Escrivão de polícia", "Escrivã de polícia"),
    "351425": ("Oficial de justiça", "Oficial de justiça"),
    "251115": ("Cientista político", "Cientista política"),
    "251605": ("Assistente social", "Assistente social"),
    "252210": ("Contador", "Contadora"),
    "252305": ("Secretário executivo", "Secretária executiva"),
    "142105": ("Gerente administrativo", "Gerente administrativa"),
    "123110": ("Diretor administrativo e financeiro", "Diretora administrativa e financeira"),
    "411010": ("Assistente administrativo", "Assistente administrativa"),
    "354705": ("Representante comercial autônomo", "Representante comercial autônoma"),
    "354605": ("Corretor de imóveis", "Corretora de imóveis"),
    "521110": ("Vendedor de comércio varejista", "Vendedora de comércio varejista"),
    "262505": ("Ator", "Atriz"),
    "262615": ("Músico regente", "Musicista regente"),
    "261820": ("Repórter fotográfico", "Repórter fotográfica"),
    "376405": ("Modelo artístico", "Modelo artística"),
    "377205": ("Árbitro desportivo", "Árbitra desportiva"),
    "374145": ("DJ", "DJ"),
    "513405": ("Garçom", "Garçonete"),
    "513205": ("Cozinheiro geral", "Cozinheira geral"),
    "513605": ("Churrasqueiro", "Churrasqueira"),
    "514320": ("Faxineiro", "Faxineira"),
    "512120": ("Empregado doméstico diarista", "Empregada doméstica diarista"),
    "516110": ("Cabeleireiro", "Cabeleireira"),
    "516210": ("Cuidador de idosos", "Cuidadora de idosos"),
    "517330": ("Vigilante", "Vigilante"),
    "517235": ("Guarda portuário", "Guarda portuária"),
    "517210": ("Policial rodoviário federal", "Policial rodoviária federal"),
    "021205": ("Cabo da Polícia Militar", "Cabo da Polícia Militar"),
    "020205": ("Capitão da Polícia Militar", "Capitã da Polícia Militar"),
    "113015": ("Membro de liderança quilombola", "Membro de liderança quilombola"),
    "622020": ("Trabalhador volante da agricultura", "Trabalhadora volante da agricultura"),
    "611005": ("Produtor agropecuário", "Produtora agropecuária"),
    "631020": ("Pescador artesanal de peixes e camarões", "Pescadora artesanal de peixes e camarões"),
    "715210": ("Pedreiro", "Pedreira"),
    "724325": ("Soldador elétrico", "Soldadora elétrica"),
    "725410": ("Mecânico montador de motores de embarcações", "Mecânica montadora de motores de embarcações"),
    "731320": (
        "Instalador-reparador de linhas e aparelhos de telecomunicações",
        "Instaladora-reparadora de linhas e aparelhos de telecomunicações",
    ),
    "761303": ("Tecelão de redes", "Tecelã de redes"),
    "791105": ("Artesão bordador", "Artesã bordadeira"),
    "763010": ("Costureiro de peças sob encomenda", "Costureira de peças sob encomenda"),
    "782510": ("Motorista de caminhão", "Motorista de caminhão"),
    "782505": ("Caminhoneiro autônomo", "Caminhoneira autônoma"),
    "783235": ("Trabalhador portuário de capatazia", "Trabalhadora portuária de capatazia"),
    "848305": ("Padeiro", "Padeira"),
    "911305": ("Mecânico de manutenção de máquinas", "Mecânica de manutenção de máquinas"),
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    text = resources.files("census").joinpath("reference/occupation_titles.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def head_and_complement(title: str) -> tuple[list[str], list[str]]:
    """Split a title before its first preposition or after its first comma: only the head may inflect."""
    words = title.split(" ")
    for position, word in enumerate(words):
        if PREPOSITION.fullmatch(word):
            return words[:position], words[position:]
        if word.endswith(","):
            return words[: position + 1], words[position + 1 :]
    return words, []


def has_masculine_ending(part: str) -> bool:
    return part.lower() not in COMMON_IN_O_OR_R and part.endswith(("o", "or", "ão"))


def written_forms(rows: list[dict[str, str]]) -> list[str]:
    return [row[gender] for row in rows for gender in ("masculine", "feminine") if row[gender]]


def paired(rows: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(row["cbo"], row["masculine"], row["feminine"]) for row in rows if row["masculine"] and row["feminine"]]


def test_every_cbo_code_appears_exactly_once_and_in_order(rows):
    codes = [row["cbo"] for row in rows]
    assert codes == sorted(set(codes))
    assert hashlib.sha256("\n".join(codes).encode()).hexdigest() == CODES_SHA256


def test_columns_and_rules_are_the_declared_ones(rows):
    assert list(rows[0]) == ["cbo", "masculine", "feminine", "rule", "reason"]
    assert {row["rule"] for row in rows} == RULES


def test_only_listed_titles_lack_a_gender_and_each_says_why(rows):
    lacking = [row for row in rows if not (row["masculine"] and row["feminine"])]
    assert {row["cbo"] for row in lacking} == FEMININE_ONLY
    assert all(row["feminine"] and row["reason"] for row in lacking)


def test_no_title_carries_digits_brackets_slashes_or_stray_spaces(rows):
    wrong = [title for title in written_forms(rows) if re.search(r"[\d()\[\]/;:_.´–—\"]| - |  |^ | $|,(?! )", title)]
    assert wrong == []


def test_titles_are_in_sentence_case_but_for_acronyms_and_institutions(rows):
    def wrong_case(title: str) -> bool:
        first, *rest = title.split(" ")
        if first not in ACRONYMS and not (first[0].isupper() and first[1:].islower()):
            return True
        capitals = [word.strip(",") for word in rest if word != word.lower()]
        return any(word not in ACRONYMS and not INSTITUTION_WORD.fullmatch(word) for word in capitals)

    assert [title for title in written_forms(rows) if wrong_case(title)] == []


def test_no_title_keeps_the_spelling_from_before_2009(rows):
    old = re.compile(r"ü|\bvôo|\bjói|\bidéi|auto-escola|mão-de-obra|semi-|não-ferros", re.IGNORECASE)
    assert [title for title in written_forms(rows) if old.search(title)] == []


def test_titles_are_short_enough_to_be_said(rows):
    assert max(map(len, written_forms(rows))) <= 95


@pytest.mark.parametrize("gender", ["masculine", "feminine"])
def test_distinct_codes_have_distinct_titles(rows, gender):
    titles = [row[gender].casefold() for row in rows if row[gender]]
    assert len(titles) == len(set(titles))


def test_complements_after_a_preposition_are_the_same_for_both_genders(rows):
    different = [
        (cbo, masculine, feminine)
        for cbo, masculine, feminine in paired(rows)
        if head_and_complement(masculine)[1] != head_and_complement(feminine)[1]
    ]
    assert {cbo for cbo, *_ in different} == ADJECTIVE_AFTER_COMPLEMENT, different


def test_every_word_of_the_head_agrees_with_a_woman(rows):
    def masculine_left(feminine: str) -> bool:
        words = (word.rstrip(",") for word in head_and_complement(feminine)[0])
        return any(has_masculine_ending(part) for word in words for part in word.split("-"))

    assert [feminine for _, _, feminine in paired(rows) if masculine_left(feminine)] == []


def test_every_word_of_the_head_agrees_with_a_man(rows):
    # Words such as "social" or "dentista" serve both; a word that changes for a woman must be masculine for a man.
    changing_in_both = {
        (before, after)
        for _, masculine, feminine in paired(rows)
        for before, after in zip(head_and_complement(masculine)[0], head_and_complement(feminine)[0], strict=True)
        if before != after and not any(has_masculine_ending(part) for part in before.rstrip(",").split("-"))
    }
    assert changing_in_both == {
        ("Juiz", "Juíza"),
        ("Garçom", "Garçonete"),
        ("Sommelier", "Sommelière"),
        ("Barman", "Bartender"),
        ("Sushiman", "Sushiwoman"),
        ("Jóquei", "Joqueta"),
        ("Cacique", "Cacica"),
        ("Governante", "Governanta"),
    }


def test_a_regular_rule_changes_the_first_word_as_it_says(rows):
    endings = {"or_ora": (r"or\b", r"ora\b"), "o_a": (r"o\b", r"a\b")}
    for row in rows:
        masculine, feminine = row["masculine"].split(" ")[0], row["feminine"].split(" ")[0]
        if row["rule"] == "common_gender":
            assert masculine == feminine, row
        elif row["rule"] in endings:
            ending, feminine_ending = endings[row["rule"]]
            assert re.search(ending, masculine) and re.search(feminine_ending, feminine), row


@pytest.mark.parametrize("cbo", sorted(KNOWN_PAIRS))
def test_known_titles_have_the_forms_brazilians_use(rows, cbo):
    forms = {row["cbo"]: (row["masculine"], row["feminine"]) for row in rows}
    assert forms[cbo] == KNOWN_PAIRS[cbo]
