/* Keys of the review panels: they press the buttons that a mouse would. Runs once for each panel that is shown. */
(() => {
  const BUTTONS = { a: ".speechkit-accept", s: ".speechkit-skip" };

  function attach(panel) {
    panel.dataset.keys = "";
    panel.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys would cut and add cells
    panel.tabIndex = 0;
    const press = (button) => panel.querySelector(button)?.click();
    // in the capture phase: the field of ipywidgets lets no key get further
    panel.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const field = panel.querySelector("input[type=text]");
      const audio = panel.querySelector("audio");
      if (event.target === field) {
        if (event.key === "Enter") {
          panel.focus(); // the field is left: its text goes to the kernel, by promises that a click would overtake
          setTimeout(() => press(".speechkit-correct"), 150);
        }
        else if (event.key === "Escape") panel.focus();
        else return;
      } else if (event.key === "c") { field?.focus(); field?.select(); }
      else if (event.key === "p" && audio) { audio.currentTime = 0; audio.play(); }
      else if (BUTTONS[event.key]) press(BUTTONS[event.key]);
      else return;
      event.preventDefault();
      event.stopPropagation();
    }, true);
  }

  // widgets come to the page a little after this script
  let tries = 0;
  const timer = setInterval(() => {
    const found = document.querySelectorAll(".speechkit-review:not([data-keys])");
    found.forEach(attach);
    if (found.length || ++tries > 100) clearInterval(timer);
  }, 100);
})();
