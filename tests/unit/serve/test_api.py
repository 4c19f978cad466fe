"""What is answered: predictions, explanations, health, figures, the token, and the description of all that."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnforge.running.trained_run import TrainedRun
from cnnforge_serve.limits import Limits
from cnnforge_serve.openapi import BadImages, PredictResponse, Problem
from cnnforge_serve.service import Service
from tests.serving import Running, expected, load_run, make_run, make_service, running
from tests.unit.data.image_cases import JPEG, PICTURE, encode, with_orientation

PNG = encode(PICTURE.rotate(90), "PNG")


def test_one_image_as_the_body(server: Running) -> None:
    answer = server.predict(JPEG, **{"Content-Type": "image/jpeg"}).json()
    probabilities = expected(server.service.trained, JPEG)
    best = max(probabilities, key=probabilities.__getitem__)
    assert answer == {
        "predictions": [
            {"name": "", "predicted": best, "probability": probabilities[best], "probabilities": probabilities},
        ]
    }


def test_many_images_in_their_order_and_the_bad_ones_among_them(server: Running) -> None:
    files = [("a", ("1.jpg", JPEG)), ("b", ("2.txt", b"text")), ("a", ("3.png", PNG))]
    answer = server.client.post("/predict", files=files, data={"note": "passed over"})
    one, two, three = answer.json()["predictions"]
    assert answer.status_code == 200
    assert [p["name"] for p in (one, two, three)] == ["1.jpg", "2.txt", "3.png"]
    assert one["probabilities"] == expected(server.service.trained, JPEG)
    assert three["probabilities"] == expected(server.service.trained, PNG)
    assert two == {"name": "2.txt", "error": "not an image, but text"}


def test_explain_gives_a_transparent_picture_of_the_class(server: Running) -> None:
    pictures = {}
    for name in ("cat", "dog"):
        answer = server.client.post("/explain", params={"class": name}, content=JPEG)
        assert answer.headers["Content-Type"] == "image/png"
        pictures[name] = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert pictures[name].shape == (32, 32, 4)
    assert pictures["cat"][..., 3].max() > 0 or pictures["dog"][..., 3].max() > 0
    assert (pictures["cat"] != pictures["dog"]).any()
    best = server.predict(JPEG).json()["predictions"][0]["predicted"]
    default = server.client.post("/explain", files={"image": JPEG})
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(default.content))), pictures[best])


@pytest.mark.parametrize(
    ("query", "content", "status", "detail"),
    [
        ("?class=cta", JPEG, 422, "Did you mean 'cat'?"),
        ("", b"text", 422, "not an image"),
        ("", b"", 400, "received nothing"),
    ],
)
def test_explain_refuses_with_a_reason(server: Running, query: str, content: bytes, status: int, detail: str) -> None:
    answer = server.client.post(f"/explain{query}", content=content)
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True)


def test_explain_takes_one_image(server: Running) -> None:
    answer = server.client.post("/explain", files=[("image", JPEG), ("image", JPEG)])
    assert (answer.status_code, answer.json()["detail"]) == (400, "expected one image, received 2")


def test_explaining_changes_no_bit_of_later_predictions(trained: TrainedRun) -> None:
    with running(make_service(trained)) as server:
        server.client.post("/explain", content=JPEG)
        assert server.predict(JPEG).json()["predictions"][0]["probabilities"] == expected(trained, JPEG)


def test_a_photograph_is_turned_as_its_camera_says(server: Running) -> None:
    turned = with_orientation(PICTURE.rotate(90, expand=True), 6)
    upright = server.predict(encode(PICTURE, quality=95)).json()["predictions"][0]["probability"]
    assert server.predict(turned).json()["predictions"][0]["probability"] == pytest.approx(upright, abs=0.02)


def test_without_an_explainer_nothing_says_where_it_looks(trained: TrainedRun, server: Running) -> None:
    with running(Service(trained, Limits())) as without:
        assert without.client.post("/explain", content=JPEG).status_code == 404
        assert without.predict(JPEG).json() == server.predict(JPEG).json()
        assert "/explain" not in without.client.get("/openapi.json").json()["paths"]
        assert "data-explains" not in without.client.get("/").text
    assert "data-explains" in server.client.get("/").text


def test_more_than_two_classes(tmp_path: Path) -> None:
    trained = load_run(make_run(tmp_path, ("daisy", "rose", "tulip")))
    with running(make_service(trained)) as server:
        (prediction,) = server.predict(JPEG).json()["predictions"]
        assert prediction["probabilities"] == expected(trained, JPEG)
        assert server.client.post("/explain", params={"class": "tulip"}, content=JPEG).status_code == 200


def test_health(server: Running) -> None:
    assert [server.client.get(path).text for path in ("/healthz", "/readyz")] == ["ok", "ready"]


def test_metrics_count_requests_images_and_batches(trained: TrainedRun) -> None:
    with running(make_service(trained)) as server:
        server.client.post("/predict", files=[("a", JPEG), ("a", JPEG), ("a", b"text")])
        server.predict(b"text")
        server.client.get("/nowhere")
        text = server.client.get("/metrics").text
    for line in (
        'cnnforge_requests_total{path="/predict",status="200"} 1.0',
        'cnnforge_requests_total{path="/predict",status="422"} 1.0',
        'cnnforge_requests_total{path="other",status="404"} 1.0',
        'cnnforge_request_seconds_count{path="/predict"} 2.0',
        'cnnforge_images_total{outcome="predicted"} 2.0',
        'cnnforge_images_total{outcome="unreadable"} 2.0',
        "cnnforge_batch_images_sum 2.0",
        "cnnforge_images_in_progress 0.0",
        "cnnforge_worker_failures_total 0.0",
        "cnnforge_ready 1.0",
    ):
        assert line in text


def test_with_a_token_only_its_owner_may_ask(trained: TrainedRun) -> None:
    with running(make_service(trained), token="s3cret") as server:
        right = server.client.headers.pop("Authorization")
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic s3cret"},
            {"Authorization": b"Bearer \xff"},
        ):
            for method, path in (("POST", "/predict"), ("POST", "/explain"), ("GET", "/metrics")):
                answer = server.client.request(method, path, content=JPEG, headers=headers)
                assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
                assert answer.json()["detail"].startswith("expected the header Authorization")
        assert server.predict(JPEG, Authorization=right).status_code == 200
        for path in ("/", "/healthz", "/readyz", "/openapi.json"):
            assert server.client.get(path).status_code == 200


def test_the_description_covers_every_answer_and_its_examples_are_true(server: Running) -> None:
    described = server.client.get("/openapi.json").json()
    models = {"PredictResponse": PredictResponse, "Problem": Problem, "BadImages": BadImages}
    assert set(described["paths"]) == {"/predict", "/explain", "/metrics", "/healthz", "/readyz"}
    responses = described["paths"]["/predict"]["post"]["responses"]
    assert set(responses) == {"200", "400", "401", "408", "413", "415", "422", "503", "504"}
    for response in responses.values():
        content = response["content"]["application/json"]
        models[content["schema"]["$ref"].rpartition("/")[2]].model_validate(content["example"])
    grey = encode(Image.new("RGB", (32, 32), (128, 128, 128)), "PNG")
    example = responses["200"]["content"]["application/json"]["example"]
    assert example == server.client.post("/predict", files={"image": ("grey.png", grey)}).json()
    assert described["components"]["schemas"]["ImagePrediction"]["properties"]["predicted"]


def test_the_page_asks_for_nothing_elsewhere(server: Running) -> None:
    page = server.client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    texts = [page.text, *(server.client.get(path).text for path in ("/page.css", "/page.js"))]
    assert [found for text in texts for found in re.findall(r"https?://\S+|url\([^)]*\)|@import", text)] == []
    assert re.findall(r"\sstyle=|\son\w+=|<style|<script(?! src)", page.text) == []


def test_the_page_escapes_what_the_run_says(tmp_path: Path) -> None:
    trained = load_run(make_run(tmp_path, ("<b>cat", "dog")))
    with running(make_service(trained)) as server:
        assert "&lt;b&gt;cat, dog" in server.client.get("/").text
