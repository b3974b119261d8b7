"""Weighted sums of the survey families, batch by batch: a person is looked at once, in its own batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from census.counts import Family, variables

MEMBER = "in_"  # before the name of a family: the column that says who is in its universe
_SUMS = [("weight_persons", "sum"), ("weight_squared", "sum"), ([], "count_all")]


def family_sums(
    batches: Iterable[pa.RecordBatch],
    families: Mapping[str, Family],
    domains: Mapping[str, tuple[str, ...]],
    keep: Sequence[str],
) -> Iterator[pa.RecordBatch]:
    """W, sum of w^2 and n of each batch by family, `keep`, cell and value; who lacks an answer is not counted.

    Args:
        batches: Rows with `keep`, `weight_persons`, every child and parent as text, and `in_<family>`, true for the
            persons of its universe.
        domains: Variable -> its values in code order; a value that is not among them is no answer.

    Yields:
        `family`, `keep`, `cell_index` (mixed radix over the parents, the last one varies fastest), `value_index`,
        `weight_persons`, `weight_squared`, `rows`; the same key may come in several batches.
    """
    sets = {name: pa.array(domains[name], pa.string()) for name in variables(families)}
    by = [*keep, "cell_index", "value_index"]
    for batch in batches:
        places = {
            name: pc.index_in(batch.column(name), value_set=values, skip_nulls=True)
            .fill_null(-1)
            .to_numpy()
            .astype(np.int64)
            for name, values in sets.items()
        }
        for name, family in families.items():
            counted = batch.column(MEMBER + name).fill_null(False).to_numpy(zero_copy_only=False)
            for variable in (family.child, *family.parents):
                counted = counted & (places[variable] >= 0)
            who = np.flatnonzero(counted)
            if not len(who):
                continue
            cell = np.zeros(len(who), dtype=np.int64)
            for parent in family.parents:
                cell = cell * len(domains[parent]) + places[parent][who]
            weight = batch.column("weight_persons").to_numpy()[who]
            columns = {kept: batch.column(kept).take(pa.array(who)) for kept in keep}
            columns |= {"cell_index": cell.astype(np.int32), "value_index": places[family.child][who].astype(np.int32)}
            sums = pa.table(columns | {"weight_persons": weight, "weight_squared": weight**2})
            added = (
                sums.group_by(by)
                .aggregate(_SUMS)
                .select([*by, "weight_persons_sum", "weight_squared_sum", "count_all"])
            )
            named = added.add_column(0, "family", pa.array([name] * added.num_rows))
            yield from (
                named.rename_columns(["family", *by, "weight_persons", "weight_squared", "rows"])
                .combine_chunks()
                .to_batches()
            )
