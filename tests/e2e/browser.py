"""Chromium, and what somebody sees and does in it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
INSTALLED = bool(_CHROMIUM and _DRIVER)

PATIENCE = 60
"""Seconds in which whatever is waited for has to appear."""

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-GB",
    "--window-size=1200,900",
)


class Page:
    """What somebody sees and does in the browser. Whatever is looked for may take its time to appear."""

    def __init__(self, browser: Chrome, address: str) -> None:
        self.browser = browser
        self.address = address

    def on_a_line(self, latency: int = 0, *, cut: bool = False) -> None:
        """Let each answer of the shop take some milliseconds more, or let none come."""
        conditions = {"offline": cut, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1}
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)

    def go(self, path: str = "") -> None:
        self.browser.get(f"{self.address}/{path}")

    def find(self, selector: str, text: str = "") -> WebElement:
        def found(browser: Chrome) -> WebElement | None:
            shown = (each for each in browser.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed())
            return next((each for each in shown if text in each.text), None)

        element: WebElement = self.until(found, f"{selector} with {text!r}")
        return element

    def click(self, selector: str, text: str = "") -> None:
        def clicked(_: Chrome) -> bool:
            self.find(selector, text).click()
            return True

        self.until(clicked, f"{selector} with {text!r}, to be clicked")

    def follow(self, selector: str, text: str, heading: str) -> None:
        """Click a link until its page is there: a click is lost where the page is drawn anew beneath it."""

        def arrived(browser: Chrome) -> bool:
            if any(heading in each.text for each in browser.find_elements(By.CSS_SELECTOR, "h1")):
                return True
            links = browser.find_elements(By.CSS_SELECTOR, selector)
            if link := next((each for each in links if text in each.text), None):
                link.click()
            return False

        self.until(arrived, f"h1 with {heading!r}, behind {selector} with {text!r}")

    def write(self, name: str, text: str) -> None:
        box = self.find(f"input[name={name}]")
        box.clear()
        box.send_keys(text)

    def write_pieces(self, number: int) -> None:
        box = self.find("#quantity")
        box.clear()
        box.send_keys(str(number))

    def spoken(self, selector: str) -> str:
        """Return a text that may be there for screen readers alone."""
        element = self.browser.find_element(By.CSS_SELECTOR, selector)
        return element.get_attribute("textContent") or ""

    def script(self, text: str) -> Any:
        return self.browser.execute_script(text)

    def until_gone(self, selector: str) -> None:
        def gone(browser: Chrome) -> bool:
            return not any(each.is_displayed() for each in browser.find_elements(By.CSS_SELECTOR, selector))

        self.until(gone, f"no {selector}")

    def until(self, condition: Callable[[Chrome], Any], what: str) -> Any:
        waiting = WebDriverWait(self.browser, PATIENCE, 0.1, [StaleElementReferenceException])
        try:
            return waiting.until(condition)
        except TimeoutException:
            shown = self.browser.find_element(By.TAG_NAME, "body").text
            pytest.fail(f"never seen: {what}; at {self.browser.current_url} there was:\n{shown}")

    def complaints(self) -> list[str]:
        """Return what the console holds against the page: errors of scripts, breaches of its policy."""
        log: list[dict[str, Any]] = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log if entry["source"] != "network"]


@contextmanager
def opened(address: str, profile: Path) -> Iterator[Page]:
    """Open a browser with a profile of its own on the shop at an address."""
    options = ChromeOptions()
    options.binary_location = str(_CHROMIUM)
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=Service(str(_DRIVER)))
    try:
        yield Page(browser, address)
    finally:
        browser.quit()
