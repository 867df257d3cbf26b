// Brings the players of a page to life. It may run once for each player: it takes those that wait, and each goes
// into a shadow root of its own, so that no style, id or key of one reaches another or the page around it.
(() => {
  "use strict";

  const STEP_S = 3; // arrow keys
  const HOLD_S = 0.4; // a word stays lit over a pause shorter than this
  const SLACK_S = 0.005; // players round where they seek to

  const clock = (s) => {
    const whole = Math.floor(s);
    const two = (n) => String(n).padStart(2, "0");
    const minutes = Math.floor(whole / 60) % 60;
    return whole >= 3600
      ? `${Math.floor(whole / 3600)}:${two(minutes)}:${two(whole % 60)}`
      : `${minutes}:${two(whole % 60)}`;
  };
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  function start(host) {
    host.dataset.ready = "";
    const alone = "alone" in host.dataset;
    const audio = host.querySelector("audio");
    const plain = host.querySelector(".sk");
    if (!plain.querySelector(".pane")) { // nothing was said: the browser's own controls do
      if (alone) plain.dataset.alone = "";
      theme(plain);
      return;
    }
    const root = host.attachShadow({ mode: "open" });
    // the recording stays outside, where a notebook can rewrite its address whenever it does so
    for (const node of [...host.childNodes]) if (node !== audio) root.append(node);
    const sk = root.querySelector(".sk");
    const one = (selector) => sk.querySelector(selector);
    if (alone) sk.dataset.alone = "";
    sk.classList.add("ready");
    if (audio) audio.controls = false;
    theme(sk);
    const pane = one(".pane");

    const duration = Number(sk.dataset.duration);
    const phrases = [...sk.querySelectorAll(".phrase")].map((el) => ({
      el, s: Number(el.dataset.s), e: Number(el.dataset.e),
      words: [...el.querySelectorAll(".w")].map((w) => ({ el: w, s: Number(w.dataset.s), e: Number(w.dataset.e) })),
    }));
    const words = [];
    for (const phrase of phrases) {
      phrase.words.forEach((word, i) => {
        const next = phrase.words[i + 1];
        word.phrase = phrase;
        word.lit = next && next.s - word.e < HOLD_S ? Math.max(word.e, next.s) : word.e;
        words.push(word);
      });
    }
    words.sort((a, b) => a.s - b.s);
    const longest = Math.max(0.1, ...words.map((w) => w.lit - w.s));
    const doubts = words.filter((w) => w.el.classList.contains("d2"));
    const byElement = new Map(words.map((w) => [w.el, w]));
    const says = one(".says");
    const slider = one(".head");
    const follow = one(".follow input");

    // --- time: that of the recording, or a clock that only moves when it is told to
    let silent = 0;
    const at = () => (audio ? audio.currentTime : silent);
    const playing = () => Boolean(audio) && !audio.paused && !audio.ended;
    const seek = (s) => {
      const to = Math.min(Math.max(0, s), duration);
      if (audio) audio.currentTime = to;
      silent = to;
      paint(to);
    };
    const play = () => {
      if (audio) audio.play().catch((error) => { if (error.name !== "AbortError") broken(); });
    };
    const toggle = () => (playing() ? audio.pause() : play());
    const broken = () => {
      says.textContent = "The recording cannot be played: it is not where this page looks for it, or this browser does not know its format.";
    };

    // --- what is spoken now
    let lit = [];
    let current = [];
    const spoken = (t) => {
      let low = 0;
      let high = words.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (words[middle].s <= t + SLACK_S) low = middle + 1; else high = middle;
      }
      const found = [];
      for (let i = low - 1; i >= 0 && words[i].s > t - longest - SLACK_S; i--) {
        if (t < Math.max(words[i].lit, words[i].s + 0.05)) found.push(words[i]);
      }
      return found;
    };
    const swap = (before, after, name) => {
      for (const item of before) if (!after.includes(item)) item.el.classList.remove(name);
      for (const item of after) item.el.classList.add(name);
      return after;
    };
    const paint = (t = at()) => {
      lit = swap(lit, spoken(t), "now");
      const active = phrases.filter((p) => p.s <= t + SLACK_S && t < p.e);
      const fresh = active.find((p) => !current.includes(p));
      current = swap(current, active, "current");
      if (fresh && playing() && follow.checked) reveal(fresh.el);
      one(".clock .at").textContent = clock(t);
      slider.style.setProperty("--at", duration ? t / duration : 0);
      slider.setAttribute("aria-valuenow", String(Math.round(t)));
      slider.setAttribute("aria-valuetext", `${clock(t)} of ${clock(duration)}`);
    };
    const loop = () => {
      paint();
      if (playing() && host.isConnected) requestAnimationFrame(loop);
    };
    const reveal = (el) => {
      const box = el.getBoundingClientRect();
      const frame = alone
        ? { top: one(".top").getBoundingClientRect().bottom, bottom: innerHeight }
        : pane.getBoundingClientRect();
      if (box.top >= frame.top && box.bottom <= frame.bottom) return;
      const by = box.top - frame.top - (frame.bottom - frame.top - box.height) / 3;
      (alone ? window : pane).scrollBy({ top: by });
    };

    if (audio) {
      const button = one(".play");
      const turned = () => {
        sk.classList.toggle("playing", playing());
        button.setAttribute("aria-label", playing() ? "Pause" : "Play");
        loop();
      };
      for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, turned);
      for (const name of ["timeupdate", "seeked"]) audio.addEventListener(name, () => paint());
      audio.addEventListener("error", broken);
      if (audio.error) broken();
      button.addEventListener("click", toggle);
      one(".speed select").addEventListener("change", (event) => { audio.playbackRate = Number(event.target.value); });
    }

    // --- pointer
    const tracks = one(".tracks");
    const point = (event) => {
      const box = tracks.getBoundingClientRect();
      seek(((event.clientX - box.left) / box.width) * duration);
    };
    tracks.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      tracks.setPointerCapture(event.pointerId);
      point(event);
    });
    tracks.addEventListener("pointermove", (event) => { if (tracks.hasPointerCapture(event.pointerId)) point(event); });
    pane.addEventListener("click", (event) => {
      const from = event.target.closest(".from");
      if (from) {
        seek(Number(from.closest(".phrase").dataset.s));
        play();
        return;
      }
      const word = byElement.get(event.target.closest(".w"));
      const chosen = root.getSelection ? root.getSelection() : document.getSelection();
      if (word && (!chosen || chosen.isCollapsed)) seek(word.s); // who selects text does not want to go there
    });

    // --- doubtful words
    let target = null;
    const aim = (word) => {
      if (target) target.el.classList.remove("target");
      target = word;
      if (!word) return;
      word.el.classList.add("target");
      seek(word.s);
      reveal(word.phrase.el);
    };
    const doubt = (step) => {
      if (!doubts.length) {
        says.textContent = "No doubtful words.";
        return;
      }
      const t = target && Math.abs(target.s - at()) < 0.02 ? target.s : at();
      const place = target && t === target.s ? doubts.indexOf(target) : -1;
      let next;
      if (place >= 0) next = place + step;
      else if (step > 0) next = doubts.findIndex((w) => w.s > t + SLACK_S);
      else next = doubts.findLastIndex((w) => w.s < t - SLACK_S);
      if (place < 0 && next < 0) next = step > 0 ? 0 : doubts.length - 1;
      next = (next + doubts.length) % doubts.length;
      const word = doubts[next];
      aim(word);
      const who = word.phrase.el.querySelector(".who .label").textContent;
      says.textContent = `Doubtful word ${next + 1} of ${doubts.length}: “${word.el.textContent}”, ${word.el.title}, ${who} at ${clock(word.s)}.`;
    };
    one(".doubts .back")?.addEventListener("click", () => doubt(-1));
    one(".doubts .next")?.addEventListener("click", () => doubt(1));

    // --- search
    const field = one(".find input");
    const found = one(".found");
    let hits = [];
    let place = -1;
    const texts = phrases.map((phrase) => {
      let text = "";
      const ends = phrase.words.map((word, i) => {
        if (i && /\s$/.test(word.el.previousSibling?.textContent ?? "")) text += " ";
        text += fold(word.el.textContent);
        return text.length;
      });
      return { phrase, text, ends };
    });
    const search = () => {
      for (const hit of hits) for (const word of hit) word.el.classList.remove("hit");
      hits = [];
      place = -1;
      const wanted = fold(field.value).trim().replace(/\s+/g, " ");
      for (const { phrase, text, ends } of wanted ? texts : []) {
        for (let i = text.indexOf(wanted); i >= 0; i = text.indexOf(wanted, i + wanted.length)) {
          const first = ends.findIndex((end) => end > i);
          const last = ends.findIndex((end) => end >= i + wanted.length);
          hits.push(phrase.words.slice(first, last + 1));
        }
      }
      for (const hit of hits) for (const word of hit) word.el.classList.add("hit");
      if (hits.length) reveal(hits[0][0].phrase.el);
      found.textContent = wanted ? `${hits.length || "nothing"} found` : "";
    };
    const visit = (step) => {
      if (!hits.length) return;
      place = place < 0 && step < 0 ? hits.length - 1 : (place + step + hits.length) % hits.length;
      aim(hits[place][0]);
      found.textContent = `${place + 1} of ${hits.length}`;
    };
    field.addEventListener("input", search);

    // --- keys, only while the focus is in this player
    const keys = {
      " ": toggle,
      ArrowLeft: () => seek(at() - STEP_S),
      ArrowRight: () => seek(at() + STEP_S),
      ArrowUp: () => jump(-1),
      ArrowDown: () => jump(1),
      n: () => doubt(1),
      p: () => doubt(-1),
      "/": () => { field.focus(); field.select(); },
    };
    const jump = (step) => {
      const t = at();
      const next = step > 0
        ? phrases.find((p) => p.s > t + SLACK_S)
        : phrases.findLast((p) => p.s < t - (playing() ? 1 : SLACK_S));
      if (!next) return;
      seek(next.s);
      reveal(next.el);
    };
    sk.addEventListener("keydown", (event) => {
      event.stopPropagation(); // what is typed here is not for the notebook around it
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const on = event.target;
      const { key } = event;
      if (on === field) {
        if (key === "Enter") visit(event.shiftKey ? -1 : 1);
        else if (key === "Escape") { field.value = ""; search(); sk.focus({ preventScroll: true }); }
        else return;
        event.preventDefault();
        return;
      }
      if (on.matches("select") || (key === " " && on.matches("button, input"))) return;
      if (on === slider && (key === "Home" || key === "End")) {
        seek(key === "Home" ? 0 : duration);
        event.preventDefault();
        return;
      }
      const act = keys[key.length === 1 ? key.toLowerCase() : key];
      if (!act) return;
      act();
      event.preventDefault();
    });
    if (alone && document.activeElement === document.body) sk.focus({ preventScroll: true });
    paint(0);
  }

  // Notebooks have a theme of their own, whatever the system prefers.
  function theme(sk) {
    const read = () => {
      const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
      if (jpThemeLight) sk.dataset.theme = jpThemeLight === "false" ? "dark" : "light";
      else if (vscodeThemeKind) sk.dataset.theme = /dark|high-contrast$/.test(vscodeThemeKind) ? "dark" : "light";
      else delete sk.dataset.theme;
    };
    read();
    const watch = new MutationObserver(read);
    watch.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind"] });
  }

  for (const host of document.querySelectorAll(".speechkit-player:not([data-ready])")) start(host);
})();
