"""What MLflow is told of a batch: a file with its items, a record for each case, points for what its call took."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from activities.assemble_artifact import finished
from activities.store.batch_files import file_of
from activities.store.plan_file import OpenPlan
from activities.tracking.mlflow_client import Point, Record
from quire.slots import ranges
from recipes.base.recipe import Item


@dataclass(frozen=True)
class LoggedBatch:
    """A batch's finished items by slot number, and what its call came to."""

    name: str
    items: Mapping[int, Item]
    call: Mapping[str, Any] | None

    @staticmethod
    def of(
        plan: OpenPlan, name: str, data: bytes, stays: Callable[[int], bool], kept: Mapping[int, Mapping[str, Any]]
    ) -> "LoggedBatch":
        """From its file: the slots of it that stay. `kept` is what is said of those that are like others."""
        file = file_of(data)
        items = {
            number: finished(plan.recipe, plan.slots[number - 1], row, kept)
            for number, row in sorted(file.rows.items())
            if stays(number)
        }
        return LoggedBatch(name, items, file.call)

    @property
    def slots(self) -> str:
        """Its slot numbers, `1-3, 7`."""
        return ranges(list(self.items))

    def path(self, batches: int) -> str:
        """Its file's name in MLflow: `items/batch-007.jsonl`; `items/batch-007.1.jsonl` was sent again."""
        root, dot, rest = self.name.partition(".")
        return f"items/batch-{root.zfill(len(str(batches)))}{dot}{rest}.jsonl"

    def text(self) -> str:
        """That file."""
        return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in self.items.values())

    def records(self) -> dict[int, Record]:
        """Its cases as records of an `mlflow.genai` dataset, by slot number."""
        found = {number: _record(item) for number, item in self.items.items()}
        return {number: record for number, record in found.items() if record is not None}

    def points(self) -> list[Point]:
        """What its call took; the step is the planned batch's number, the time that at which the call began."""
        if self.call is None:
            return []
        at, step = datetime.fromisoformat(self.call["began"]).timestamp(), int(self.name.partition(".")[0])
        said = {
            "batch_items": len(self.call["filled"]),
            "batch_seconds": self.call["seconds"],
            "batch_prompt_tokens": self.call["tokens"]["prompt_tokens"],
            "batch_completion_tokens": self.call["tokens"]["completion_tokens"],
            "batch_cost_usd": self.call["cost_usd"],
        }
        return [(name, float(value), at, step) for name, value in said.items() if value is not None]


def _record(item: Item) -> Record | None:
    """An item that has `inputs` and `expectations` is a case; its other texts, and where it came from, are its tags."""
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


def likeness(said: Any) -> bytes:
    """The same for the same JSON. MLflow takes records with the same inputs for one."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()[:16]


def whole(record: Record) -> bytes:
    """The same for all of a record that a person reads."""
    return likeness([record["inputs"], record["expectations"], record["tags"]])
