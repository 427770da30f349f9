"""Jobs of the training process over files in one folder, as the fixture ``files`` makes them."""

from walrusd.training.run.jobs import RowsFile, TrainJob


def segments_of(lines):
    return [value for key, value in lines if key == "segment"]


def train_job(files, **changes):
    fields = {
        "plan": str(files / "plan.json"),
        "workdir": str(files / "work"),
        "weights": str(files / "weights"),
        "rows": RowsFile(str(files / "rows")),
        "ctx": b"c" * 32,
        "seed": b"s" * 32,
        "slots": 5,
    }
    return TrainJob(**{**fields, **changes})
