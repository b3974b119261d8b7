"""The network of a state as files: JSON with values in words (the truth), XMLBIF with codes (for other programs)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from census.errors import SchemaError
from census.inference import closed
from census.network import NodeTable

Array = NDArray[np.float64]
FORMAT = "povo-network-1"


def to_json(nodes: Sequence[NodeTable], *, uf: str, model_version: str) -> str:
    """One state's network, whole: nodes in the order of drawing, tables of who works as they are drawn.

    `table` runs over the parents in their order, the values last and fastest. `codes` are the names of the values in
    the XMLBIF file.
    """
    document = {
        "format": FORMAT,
        "uf": uf,
        "model_version": model_version,
        "nodes": [_entry(node) for node in nodes],
        "codes": {node.name: {f"v{i}": value for i, value in enumerate(node.values)} for node in closed(nodes)},
    }
    return json.dumps(document, ensure_ascii=False) + "\n"


def from_json(text: str) -> tuple[NodeTable, ...]:
    """The nodes of `to_json`.

    Raises:
        SchemaError: The text is of another format.
    """
    document = json.loads(text)
    if document.get("format") != FORMAT:
        raise SchemaError(f"expected a network of format {FORMAT}, found {document.get('format')}")
    sizes = {entry["node"]: len(entry["values"]) for entry in document["nodes"]}
    nodes = []
    for entry in document["nodes"]:
        shape = tuple(sizes[parent] for parent in entry["parents"])
        nodes.append(
            NodeTable(
                entry["node"],
                tuple(entry["parents"]),
                tuple(entry["values"]),
                np.array(entry["table"]).reshape(*shape, len(entry["values"])),
                entry["grade"],
                entry["source"],
                _array(entry["effective_persons"], shape),
                _array(entry["prior_share"], shape),
            )
        )
    return tuple(nodes)


def to_xmlbif(nodes: Sequence[NodeTable], *, name: str) -> str:
    """The closed network (see `inference.closed`) in XMLBIF 0.3; values are the codes v0, v1...; 9 digits.

    Written here and not by pgmpy, whose writer takes time that grows with the square of a table's size.
    """
    proper = closed(nodes)
    lines = ['<?xml version="1.0" encoding="US-ASCII"?>', '<BIF VERSION="0.3">', "<NETWORK>", f"<NAME>{name}</NAME>"]
    for node in proper:
        outcomes = "".join(f"<OUTCOME>v{i}</OUTCOME>" for i in range(len(node.values)))
        lines.append(f'<VARIABLE TYPE="nature"><NAME>{escape(node.name)}</NAME>{outcomes}</VARIABLE>')
    for node in proper:
        given = "".join(f"<GIVEN>{escape(parent)}</GIVEN>" for parent in node.parents)
        # The value runs fastest, then the last parent: the order of `table` itself.
        table = " ".join(_short(p) for p in node.table.ravel().tolist())
        lines.append(f"<DEFINITION><FOR>{escape(node.name)}</FOR>{given}<TABLE>{table}</TABLE></DEFINITION>")
    return "\n".join([*lines, "</NETWORK>", "</BIF>", ""])


def _entry(node: NodeTable) -> dict[str, object]:
    return {
        "node": node.name,
        "parents": list(node.parents),
        "values": list(node.values),
        "grade": node.grade,
        "source": node.source,
        "effective_persons": _list(node.effective_persons, 3),
        "prior_share": _list(node.prior_share, 6),
        "table": node.table.ravel().tolist(),
    }


def _list(values: Array | None, digits: int) -> list[float | None] | None:
    if values is None:
        return None
    return [None if np.isnan(v) else round(v, digits) for v in values.ravel().tolist()]


def _array(values: list[float | None] | None, shape: tuple[int, ...]) -> Array | None:
    return None if values is None else np.array(values, dtype=float).reshape(shape)


def _short(p: float) -> str:
    return "0" if p == 0 else "1" if p == 1 else f"{p:.9g}"
