"""The linked viewer of a report: its pixels are the images', its page needs nothing else, and a browser draws it."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from unsup_jax.core import Measurement
from unsup_jax.evaluate import report, viewer
from unsup_jax.operators import Binning, Identity

RNG = np.random.default_rng(0)
data_of = lambda section: json.loads(re.search(r"id='viewer-data'>(.*?)</script>", section, re.S)[1])


def measured(shape, *, truth=True, operator=Identity()):
    x = 100 * RNG.random((*shape, 1), np.float32)
    y = x + RNG.normal(size=x.shape).astype(np.float32)
    return Measurement(y, operator, truth=x if truth else None)


def test_the_pixels_decode_to_the_images():
    image = RNG.normal(size=(7, 9))
    image[2, 3], image[4, 5], image[0, 0] = np.nan, np.inf, 500.0  # a hot pixel, far beyond the range that is shown
    one = viewer.pixels(image, 4.0)
    again = viewer.unpacked(one, (7, 9))
    finite = np.isfinite(image)
    np.testing.assert_array_equal(np.isnan(again), ~finite)
    np.testing.assert_allclose(again[finite], image[finite], atol=0.5001 * one["step"])
    assert one["step"] == pytest.approx(500 / 65534, rel=0.02)
    assert viewer.pixels(RNG.random((5, 5)), 4.0)["step"] == 4 / 1024
    np.testing.assert_array_equal(viewer.unpacked(viewer.pixels(np.full((3, 5), 2.5), 0.0), (3, 5)), 2.5)


def test_a_page_holds_every_method_of_every_image():
    test = [measured((9, 12)) for _ in range(3)]
    estimates = {f"method {k}": [0.5 * m.y + k for m in test] for k in range(12)} | {"<b>": [m.truth for m in test], "small": [m.y[:5] for m in test]}
    section = viewer.section(estimates, test, noisy=True)
    data = data_of(section)
    assert len(data["images"]) == 3 and "<b>" not in section and "small is of another shape, 5 x 12 x 1" in section
    for one, image in zip(test, data["images"]):
        shown = {series["label"]: series for series in image["series"]}
        assert [*shown] == ["noisy", *(f"method {k}" for k in range(12)), "<b>", "truth"] and image["against"] == "truth"
        np.testing.assert_allclose(viewer.unpacked(shown["method 3"], (9, 12)), 0.5 * one.y[..., 0] + 3, atol=shown["method 3"]["step"])
        assert len({(series["colour"], *series["dash"]) for series in shown.values()}) == 15


def test_residuals_are_taken_where_they_mean_something():
    seen = lambda one, noisy: data_of(viewer.section({"a": [one.y]}, [one], noisy=noisy))["images"][0]["against"]
    assert seen(measured((8, 8)), True) == "truth"
    assert seen(measured((8, 8), truth=False), True) == "noisy" and seen(measured((8, 8), truth=False), False) is None
    assert seen(measured((8, 8), truth=False, operator=Binning((1, 1))), True) is None  # H is between the estimate and y


def test_what_is_cut_is_said():
    one = measured((600, 20))
    section = viewer.section({"a": [one.y]}, [one] * 20, noisy=True)
    assert data_of(section)["images"][0]["shape"] == [1, 512, 20]
    assert "Of 600 x 20 pixels the middle 512 x 20 are here." in section and "Of 20 test images the first is here." in section
    volume = np.zeros((150, 300, 200, 1), np.float32)
    shape = data_of(viewer.section({"a": [volume], "b": [volume]}, [Measurement(volume, Identity())], noisy=False))["images"][0]["shape"]
    assert 0.8 * viewer.PIXELS < 2 * np.prod(shape) <= viewer.PIXELS
    assert viewer.section({}, [one], noisy=False) == "" == viewer.section({"a": [np.zeros((8, 1))]}, [one], noisy=False)
    complex_ = np.full((8, 8, 2), 3 + 4j, np.complex64)
    inside = viewer.section({"a": [complex_]}, [Measurement(complex_, Identity())], noisy=False)
    assert "Complex values are shown by their modulus." in inside
    np.testing.assert_allclose(viewer.unpacked(data_of(inside)["images"][0]["series"][0], (8, 8)), 50**0.5, rtol=1e-6)


def page(path, shape):
    test = [measured(shape), measured(shape)]
    section = viewer.section({"half": [0.5 * m.y for m in test], "same": [m.truth for m in test]}, test, noisy=True)
    report.page(path, title="t", summary=[], rows=[], figures={}, details={}, linked=section)
    return test


def test_the_page_asks_no_network(tmp_path):
    page(tmp_path / "r.html", (8, 8))
    text = re.sub(r"id='viewer-data'>.*?</script>", "", (tmp_path / "r.html").read_text(), flags=re.S)  # base64 may hold any letters
    assert not re.search(r"https?:|//[a-z]|\bimport\b|fetch\(|XMLHttp|@font-face|url\(", re.sub(r"// .*", "", text))
    assert not re.search(r"<(link|iframe|img|script[^>]*\bsrc)", text)


FRAMES = "<script>window.requestAnimationFrame = draw => setTimeout(draw, 16)</script>"  # by the browser's virtual time, as all pauses
ACT = """<script>const errors = []; addEventListener("error", event => errors.push(event.message)); addEventListener("load", async () => {
const pause = () => new Promise(done => setTimeout(done, 200)), by = name => document.getElementById("viewer-" + name);
const of = n => { const c = document.querySelectorAll("#viewer .grid canvas")[n]; return [...c.getContext("2d").getImageData(c.width >> 1, c.height >> 1, 1, 1).data]; };
while (!document.querySelector("#viewer .grid canvas")) await pause();
await pause();
const found = {canvases: document.querySelectorAll("#viewer .grid canvas").length, grey: of(COUNT * 3)};
by("residual").click(); await pause();
found.residual = [of(COUNT), of(COUNT * 2), of(COUNT * 3)];
by("line").click(); by("wiping").click(); await pause();
found.curves = document.querySelectorAll("#viewer .profile path").length;
found.wiped = document.querySelectorAll("#viewer .wiped canvas").length;
by("image").value = 1; by("image").oninput();
const told = by("image").parentElement.querySelector("output");
while (told.textContent !== "2 of 2") await pause();
document.title = JSON.stringify({...found, errors});
});</script>"""


@pytest.mark.parametrize("shape", [(9, 11), (5, 7, 9)])
def test_a_browser_draws_it(tmp_path, shape):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium is installed")
    planes = 3 if len(shape) == 3 else 1
    test = page(tmp_path / "r.html", shape)
    text = (tmp_path / "r.html").read_text()
    (tmp_path / "r.html").write_text(text.replace("<style>", FRAMES + "<style>").replace("</body>", ACT.replace("COUNT", str(planes)) + "</body>"))
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=1000000", f"--user-data-dir={tmp_path / 'profile'}",
         "--dump-dom", (tmp_path / "r.html").as_uri()], capture_output=True, text=True, timeout=120,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)[1]
    assert title.startswith("{"), done.stderr[-2000:]
    found = json.loads(title)
    assert not found["errors"]
    assert found["canvases"] == 4 * planes and found["wiped"] == planes
    low, high = np.percentile(test[0].truth, [0.5, 99.7])
    middle = test[0].truth[tuple(n // 2 for n in shape)][0]
    if planes == 1:  # in a volume the lines of the planes cross there
        assert found["grey"][0] == pytest.approx(255 * np.clip((middle - low) / (high - low), 0, 1), abs=2)
        red, _, blue, _ = found["residual"][0]
        assert blue > red and found["residual"][1] == [255, 255, 255, 255]  # half is less than the truth, which equals itself
        assert found["residual"][2] == found["grey"]  # and stays an image
    assert found["curves"] >= 1 + 3  # an axis, and curves of all but the truth
