from __future__ import annotations

from textual.app import App, ComposeResult

from screens.panel import LinePanel
from screens.themes import THEMES, register_themes


class PanelApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.panel = LinePanel()

    def compose(self) -> ComposeResult:
        yield self.panel

    def on_mount(self) -> None:
        register_themes(self)
        self.theme = THEMES["dark"]


async def test_a_panel_grows_when_its_lines_come_between_a_layout_and_the_next_turn() -> None:
    app = PanelApp()
    async with app.run_test() as pilot:
        await pilot.pause()
        app.panel.refresh(layout=True)
        app.screen._clear_arrangement_cache()
        app.screen._refresh_layout()
        app.panel.set_lines([(("one", ""),), (("two", ""),)])
        await pilot.pause()
        assert app.panel.size.height == 2


async def test_a_tone_is_worked_out_when_it_is_painted_first_and_follows_the_theme() -> None:
    app = PanelApp()
    async with app.run_test() as pilot:
        app.panel.set_lines([(("one", "bad"),)])
        await pilot.pause()
        assert set(app.panel._component_styles) == {"tone--bad"}
        dark = app.panel.tone_style("bad")
        app.theme = THEMES["light"]
        await pilot.pause()
        assert app.panel.tone_style("bad") != dark
        app.theme = THEMES["dark"]
        await pilot.pause()
        assert app.panel.tone_style("bad") == dark
