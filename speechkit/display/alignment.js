// Brings the alignments of a page to life. It may run once for each: it takes those that wait, and each goes into a
// shadow root of its own, so that no style or key of one reaches another or the page around it.
(() => {
  "use strict";

  const BEFORE_S = 0.25; // a word is heard with a little of what stands around it
  const AFTER_S = 0.45;

  function start(host) {
    host.dataset.ready = "";
    const audio = host.querySelector("audio");
    const root = host.attachShadow({ mode: "open" });
    // the recording stays outside: notebooks rewrite the addresses of what they can see
    for (const node of [...host.childNodes]) if (node !== audio) root.append(node);
    if (audio) root.prepend(document.createElement("slot"));
    const ska = root.querySelector(".ska");
    const one = (selector) => ska.querySelector(selector);
    if ("alone" in host.dataset) ska.dataset.alone = "";
    ska.classList.add("ready");
    theme(ska);

    const says = one(".says");
    const turns = [...ska.querySelectorAll(".turn")].map((el) => ({ el, s: Number(el.dataset.s), e: Number(el.dataset.e) }));
    const duration = Number(ska.dataset.duration);

    // --- sound
    let until = Infinity;
    const broken = () => {
      says.textContent = "The recording cannot be played: it is not where this page looks for it, or this browser does not know its format.";
    };
    const hear = (from, to = Infinity) => {
      if (!audio) return;
      until = to;
      audio.currentTime = Math.max(0, from);
      audio.play().catch((error) => { if (error.name !== "AbortError") broken(); });
    };
    const watch = () => {
      if (audio.currentTime >= until) {
        audio.pause();
        until = Infinity;
      }
      for (const turn of turns) turn.el.classList.toggle("current", turn.s <= audio.currentTime && audio.currentTime < turn.e);
      if (!audio.paused && host.isConnected) requestAnimationFrame(watch);
    };
    if (audio) {
      audio.addEventListener("play", watch);
      audio.addEventListener("error", broken);
      if (audio.error) broken();
    }

    // --- words: a click plays one, and shows what stands for it in the other columns
    const clear = (name) => { for (const el of ska.querySelectorAll(`.w.${name}`)) el.classList.remove(name); };
    const point = (word) => {
      clear("partner");
      clear("now");
      word.classList.add("now");
      const number = word.dataset.p;
      if (number === "-1") return;
      for (const el of word.closest(".turn").querySelectorAll(`.w[data-p="${number}"]`)) if (el !== word) el.classList.add("partner");
    };
    one(".turns").addEventListener("click", (event) => {
      const chosen = root.getSelection ? root.getSelection() : document.getSelection();
      if (chosen && !chosen.isCollapsed) return; // who selects text does not want to hear it
      const from = event.target.closest(".from");
      const word = event.target.closest(".w");
      if (from) hear(Number(from.closest(".turn").dataset.s));
      if (!word) return;
      point(word);
      hear(Number(word.dataset.s) - BEFORE_S, Number(word.dataset.e) + AFTER_S);
    });

    // --- errors
    const errors = [...ska.querySelectorAll(".turns .w.substituted, .turns .w.missing, .turns .w.inserted")];
    let at = -1;
    const visit = (step) => {
      if (!errors.length) {
        says.textContent = "No errors.";
        return;
      }
      at = at < 0 && step < 0 ? errors.length - 1 : (at + step + errors.length) % errors.length;
      clear("target");
      const word = errors[at];
      word.classList.add("target");
      point(word);
      word.scrollIntoView({ block: "center" });
      const column = word.closest("td").dataset.name;
      says.textContent = `Error ${at + 1} of ${errors.length}, ${column}: “${word.lastChild.textContent}”, ${word.title}.`;
    };
    one(".next").addEventListener("click", () => visit(1));
    one(".back").addEventListener("click", () => visit(-1));
    one(".only").addEventListener("change", (event) => ska.classList.toggle("only", event.target.checked));
    for (const lane of ska.querySelectorAll(".lane")) {
      lane.addEventListener("click", (event) => {
        const box = lane.getBoundingClientRect();
        const wanted = ((event.clientX - box.left) / box.width) * duration;
        const near = turns.reduce((best, turn) => (Math.abs(turn.s - wanted) < Math.abs(best.s - wanted) ? turn : best), turns[0]);
        if (near) near.el.scrollIntoView({ block: "center" });
      });
    }

    // --- keys, only while the focus is in this view
    ska.addEventListener("keydown", (event) => {
      event.stopPropagation(); // what is typed here is not for the notebook around it
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const key = event.key.toLowerCase();
      if (key === " " && event.target.matches("button, input")) return;
      if (key === "n") visit(1);
      else if (key === "p") visit(-1);
      else if (key === " " && audio) {
        if (audio.paused) hear(audio.currentTime);
        else audio.pause();
      } else return;
      event.preventDefault();
    });
    if ("alone" in host.dataset && document.activeElement === document.body) ska.focus({ preventScroll: true });
  }

  // Notebooks have a theme of their own, whatever the system prefers.
  function theme(ska) {
    const read = () => {
      const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
      if (jpThemeLight) ska.dataset.theme = jpThemeLight === "false" ? "dark" : "light";
      else if (vscodeThemeKind) ska.dataset.theme = /dark|high-contrast$/.test(vscodeThemeKind) ? "dark" : "light";
      else delete ska.dataset.theme;
    };
    read();
    const watch = new MutationObserver(read);
    watch.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind"] });
  }

  for (const host of document.querySelectorAll(".speechkit-alignment:not([data-ready])")) start(host);
})();
