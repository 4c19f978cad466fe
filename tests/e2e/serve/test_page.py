"""The page in a browser: every way to give it a photograph, and what people see and hear of the answer."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from cnnforge.running.run_dir import RunDir
from cnnforge_serve.limits import Limits
from cnnforge_serve.service import Service
from tests.e2e.serve.conftest import TOKEN
from tests.serving import GatedService, Running, load_run, make_service, running
from tests.unit.data.image_cases import JPEG, PICTURE, encode

pytestmark = pytest.mark.slow

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def server(run: RunDir) -> Iterator[Running]:
    with running(make_service(load_run(run))) as found:
        yield found


@pytest.fixture
def opened(server: Running, browser: Browser) -> Iterator[Open]:
    """Opens the page; the test fails if it asked anything of anybody else, or broke its own policy."""
    contexts, troubles = [], []

    def open_page(url: str = str(server.client.base_url), **options: object) -> Page:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda line: troubles.append(line.text) if "Content Security Policy" in line.text else None)
        page.on("request", lambda asked: None if is_own(asked.url, url) else troubles.append(asked.url))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def is_own(asked: str, url: str) -> bool:
    return asked.startswith((url, "blob:", "data:"))


def photograph(name: str, content: bytes = JPEG) -> dict[str, object]:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content}


def answered(page: Page, number: int) -> None:
    expect(page.locator(".entry:not([aria-busy])")).to_have_count(number, timeout=30_000)


def test_a_chosen_photograph_gets_its_probabilities_and_is_announced(server: Running, opened: Open) -> None:
    page = opened()
    page.set_input_files("#files", photograph("rex.jpg"))
    answered(page, 1)
    (prediction,) = server.predict(JPEG).json()["predictions"]
    share = f"{100 * prediction['probability']:.1f} %"
    entry = page.locator(".entry")
    expect(entry.locator("h3")).to_have_text(prediction["predicted"])
    expect(entry.locator("img.photo")).to_have_attribute("alt", "rex.jpg")
    expect(entry.locator(".classes button").first).to_have_text(f"{prediction['predicted']}{share}")
    expect(entry.locator(".classes button")).to_have_count(2)
    expect(page.get_by_role("status")).to_have_text(f"rex.jpg: {prediction['predicted']}, {share}")


def test_the_latest_answer_stands_first_and_clearing_gives_the_focus_back(opened: Open) -> None:
    page = opened()
    page.set_input_files("#files", [photograph("1.jpg"), photograph("2.png", encode(PICTURE, "PNG"))])
    page.set_input_files("#files", photograph("3.jpg"))
    answered(page, 3)
    expect(page.locator(".entry .name")).to_have_text(["3.jpg", "2.png", "1.jpg"])
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".entry")).to_have_count(0)
    expect(page.get_by_role("button", name="Choose photographs")).to_be_focused()


def test_what_is_no_photograph_says_why(opened: Open) -> None:
    page = opened()
    page.set_input_files("#files", photograph("<b>notes</b>.txt", b"text"))
    answered(page, 1)
    expect(page.locator(".entry.bad .name")).to_have_text("<b>notes</b>.txt: not an image, but text")
    expect(page.get_by_role("status")).to_contain_text("no answer, not an image")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_photographs_can_be_dropped_and_pasted(opened: Open, kind: str) -> None:
    page = opened()
    transfer = page.evaluate_handle(
        """([name, content]) => {
            const transfer = new DataTransfer();
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
            return transfer;
        }""",
        ["given.jpg", base64.b64encode(JPEG).decode()],
    )
    if kind == "drop":
        page.dispatch_event("body", "dragover", {"dataTransfer": transfer})
        expect(page.locator("body")).to_have_class("dragging")
        page.dispatch_event("body", "drop", {"dataTransfer": transfer})
        expect(page.locator("body")).not_to_have_class("dragging")
    else:
        transfer.evaluate("(t) => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: t }))")
    answered(page, 1)
    expect(page.locator(".entry .name")).to_have_text("given.jpg")


def test_a_photograph_can_be_taken_with_the_camera(opened: Open) -> None:
    page = opened(permissions=["camera"])
    page.get_by_role("button", name="Take a photograph").click()
    dialog = page.get_by_role("dialog", name="Camera")
    expect(dialog).to_be_visible()
    expect(page.locator("#video")).to_have_js_property("readyState", 4, timeout=30_000)
    dialog.get_by_role("button", name="Take it").click()
    answered(page, 1)
    expect(dialog).not_to_be_visible()
    expect(page.locator(".entry .name")).to_contain_text("photograph")
    expect(page.get_by_role("button", name="Take a photograph")).to_be_focused()
    assert page.locator("#video").evaluate("v => v.srcObject.getTracks().every((t) => t.readyState === 'ended')")


def test_by_keyboard_alone_a_class_shows_and_hides_its_evidence(opened: Open) -> None:
    page = opened()
    page.set_input_files("#files", photograph("rex.jpg"))
    answered(page, 1)
    button = page.locator(".classes button").first
    for _ in range(50):
        if button.evaluate("b => b === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".heat")).to_be_visible()
    expect(page.locator("figcaption")).to_contain_text("In colour: what speaks for")
    expect(page.get_by_role("status")).to_contain_text("the evidence for")
    box, photo = page.locator(".heat").bounding_box(), page.locator(".photo").bounding_box()
    assert box == photo
    page.keyboard.press("Space")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".heat")).not_to_be_visible()


def test_with_a_token_the_page_asks_for_it(run: RunDir, opened: Open) -> None:
    with running(Service(load_run(run), Limits()), token=TOKEN) as server:
        page = opened(str(server.client.base_url))
        page.set_input_files("#files", photograph("1.jpg"))
        answered(page, 1)
        expect(page.locator(".entry .name")).to_have_text("1.jpg: this server asks for its token")
        page.get_by_label("Token of this server").fill(TOKEN)
        page.keyboard.press("Enter")
        page.set_input_files("#files", photograph("2.jpg"))
        answered(page, 2)
        expect(page.locator(".entry").first.locator(".classes button")).to_have_count(2)


def test_a_busy_server_is_asked_again(run: RunDir, opened: Open) -> None:
    service = GatedService(load_run(run), Limits(queue=1))
    with running(service) as server:
        service.gate.is_open.clear()
        page = opened(str(server.client.base_url))
        page.set_input_files("#files", [photograph("1.jpg"), photograph("2.jpg")])
        expect(page.locator(".entry")).to_have_count(2)
        page.wait_for_event("response", lambda response: response.status == 503)
        service.gate.is_open.set()
        answered(page, 2)
        expect(page.locator(".entry.bad")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_accessible_and_fits(opened: Open, width: int, scheme: str) -> None:
    page = opened(viewport={"width": width, "height": 844}, color_scheme=scheme, bypass_csp=True)  # axe is injected
    page.set_input_files("#files", [photograph("rex.jpg"), photograph("a-name-without-spaces" * 9, b"text")])
    answered(page, 2)
    page.locator(".classes button").first.click()
    expect(page.locator(".heat")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    violations = Axe().run(page).response["violations"]
    assert [(found["id"], [node["html"] for node in found["nodes"]]) for found in violations] == []


def test_the_camera_dialog_is_accessible(opened: Open) -> None:
    page = opened(permissions=["camera"], bypass_csp=True)
    page.get_by_role("button", name="Take a photograph").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert [found["id"] for found in Axe().run(page).response["violations"]] == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Take a photograph")).to_be_focused()
