"""A bundle is what the specification's own model accepts, whatever the job is called and however long it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dnpm.core.cli.main import main
from dnpm.core.farm import bundle
from dnpm.core.farm.template import Work, template, values

model = pytest.importorskip("openjd.model")
WORK = Work("render", Path("/shots/shot.blend"), Path("/shots/out"), 1, 240, 10)


def job_of(work: Work):
    """The job that the model makes of the template and the values."""
    decoded = model.decode_job_template(template=template(work))
    given = {name: str(value) for name, value in values(work).items()}
    known = model.preprocess_job_parameters(
        job_template=decoded, job_parameter_values=given, job_template_dir=Path("/b"), current_working_dir=Path("/b")
    )
    return model.create_job(job_template=decoded, job_parameter_values=known)


def starts(step) -> list[int]:
    space = model.StepParameterSpaceIterator(space=step.parameterSpace)
    return [int(task["Start"].value) for task in space]


@pytest.mark.parametrize(("first", "last", "chunk"), [(1, 240, 10), (0, 0, 5), (3, 20, 4), (1, 100_000, 7)])
def test_tasks_begin_at_every_chunk(first: int, last: int, chunk: int) -> None:
    (step,) = job_of(replace(WORK, first=first, last=last, chunk=chunk)).steps
    assert starts(step) == list(range(first, last + 1, chunk))


@pytest.mark.parametrize("name", ["a b.blend", "{{Param.Dnpm}}.blend", "лицо.blend", "x" * 200 + ".blend"])
def test_any_name_will_do(name: str) -> None:
    work = replace(WORK, source=Path("/shots") / name)
    job = job_of(work)
    assert 0 < len(job.name) <= 128
    assert values(work)["BlendFile"] == f"/shots/{name}"


def test_a_bake_is_collected_after_all_its_tasks(tmp_path: Path) -> None:
    job = job_of(
        replace(WORK, kind="bake", words=("--form=EXR16",), face_model=Path("/m"), weights=Path("/w"), gpu=True)
    )
    one, two = job.steps
    assert (one.name, two.name) == ("Bake", "Collect")
    assert two.dependencies[0].dependsOn == "Bake"
    assert two.parameterSpace is None
    assert one.hostRequirements.amounts[0].name == "amount.worker.gpu"
    words = [str(word) for word in one.script.actions.onRun.args]
    assert "--chunk={{Task.Param.Start}}:{{Param.ChunkSize}}" in words
    assert "--weights={{Param.Weights}}" in words


def test_four_files(tmp_path: Path) -> None:
    work = replace(WORK, inputs=(Path("/shots/b.png"), Path("/shots/b.png"), Path("/lib/a.blend")), weights=Path("/w"))
    assert {path.name for path in bundle.write(tmp_path / "new", work)} == {
        "template.json", "parameters.json", "parameter_values.json", "asset_references.json",
    }  # fmt: skip
    found = json.loads((tmp_path / "new" / "asset_references.json").read_text())["assetReferences"]
    assert found["inputs"] == {
        "filenames": ["/lib/a.blend", "/shots/b.png", "/shots/shot.blend"], "directories": ["/w"],
    }  # fmt: skip
    assert found["outputs"] == {"directories": ["/shots/out"]}
    told = json.loads((tmp_path / "new" / "parameter_values.json").read_text())["parameterValues"]
    assert {entry["name"]: entry["value"] for entry in told} == values(work)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing.json"], "no such file"),
        (["job.json", "--chunk-size=0"], "give at least 1"),
        (["job.json", "--frames=1-3"], "are for a .blend"),
        (["job.json", "--weights=nowhere"], "--weights nowhere: is not there"),
        (["lost.json"], "its preset"),
    ],
)
def test_what_is_wrong_is_told(words: list[str], message: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("job.json").write_text('{"items": [{"name": "a"}]}')
    Path("lost.json").write_text('{"items": [{"name": "a", "preset": "b.json"}]}')
    assert main(["farm", *words, "--out=bundle"]) == 2
    assert message in capsys.readouterr().err
    assert not Path("bundle").exists()
