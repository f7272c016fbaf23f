"""What MLflow gets of a batch: a file with its items, a record per evaluation case, and points for its call."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from activities.output.output_format import finish_item
from activities.store.batch_files import parse_batch_file, parse_planned_number
from activities.store.plan_file import OpenPlan
from activities.tracking.mlflow_client import Point, Record
from quire.slots import format_ranges
from recipes.base.recipe import Item


@dataclass(frozen=True)
class LoggedBatch:
    """A batch's finished items by slot number, and the note of its call."""

    name: str
    items: Mapping[int, Item]
    call: Mapping[str, Any] | None

    @staticmethod
    def from_file(
        plan: OpenPlan,
        name: str,
        data: bytes,
        is_included: Callable[[int], bool],
        kept_duplicates: Mapping[int, Mapping[str, Any]],
    ) -> "LoggedBatch":
        """Return a batch from its file, with the items of the included slots.

        `kept_duplicates` is what the provenance of items that repeat another one says.
        """
        file = parse_batch_file(data)
        items = {
            number: finish_item(plan.recipe, plan.slots[number - 1], row, kept_duplicates)
            for number, row in sorted(file.rows.items())
            if is_included(number)
        }
        return LoggedBatch(name, items, file.call)

    @property
    def slot_ranges(self) -> str:
        """The numbers of its slots: `1-3, 7`."""
        return format_ranges(list(self.items))

    def file_name(self, batches: int) -> str:
        """Return the name of its file in MLflow, `items/batch-007.jsonl`, or `items/batch-007.1.jsonl` for a retry.

        `batches` is the number of planned batches: names have as many digits.
        """
        number, dot, suffix = self.name.partition(".")
        return f"items/batch-{number.zfill(len(str(batches)))}{dot}{suffix}.jsonl"

    def file_text(self) -> str:
        """Return the content of that file: a line per item."""
        return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in self.items.values())

    def build_records(self) -> dict[int, Record]:
        """Return its cases as records of an `mlflow.genai` dataset, by slot number."""
        records = {number: _build_record(item) for number, item in self.items.items()}
        return {number: record for number, record in records.items() if record is not None}

    def build_points(self) -> list[Point]:
        """Return the metrics of its call, at the call's start; the step is the number of the planned batch."""
        if self.call is None:
            return []
        at, step = datetime.fromisoformat(self.call["began"]).timestamp(), parse_planned_number(self.name)
        metrics = {
            "batch_items": len(self.call["filled"]),
            "batch_seconds": self.call["seconds"],
            "batch_prompt_tokens": self.call["tokens"]["prompt_tokens"],
            "batch_completion_tokens": self.call["tokens"]["completion_tokens"],
            "batch_cost_usd": self.call["cost_usd"],
        }
        return [(name, float(value), at, step) for name, value in metrics.items() if value is not None]


def _build_record(item: Item) -> Record | None:
    """Return the record of an item that is a case: one with `inputs` and `expectations`; None for any other.

    Its other texts, and where it came from, become tags.
    """
    inputs, expectations = item.get("inputs"), item.get("expectations")
    if not isinstance(inputs, dict) or not isinstance(expectations, dict):
        return None
    provenance = item["provenance"]
    tags = {name: value for name, value in item.items() if isinstance(value, str) and name != "id"}
    tags |= {"slot": str(item["id"]), "batch": str(provenance["batch"]), "source": str(provenance["source"])}
    if provenance["simulated"]:
        tags["simulated"] = "true"
    source = {"source_type": "CODE", "source_data": {"model": provenance["model"], "batch": provenance["batch"]}}
    return {
        "inputs": cast(dict[str, Any], inputs),
        "expectations": cast(dict[str, Any], expectations),
        "tags": tags,
        "source": source,
    }


def hash_json(value: Any) -> bytes:
    """Return a digest that is equal for equal JSON. MLflow treats records with equal inputs as the same record."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()[:16]


def hash_record(record: Record) -> bytes:
    """Return a digest of everything in a record that a person reads."""
    return hash_json([record["inputs"], record["expectations"], record["tags"]])
