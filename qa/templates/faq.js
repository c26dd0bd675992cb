(() => {
  "use strict";
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  // Search: every word must occur in the question, its other wordings, its answer or its sources.
  const field = document.getElementById("qa-search");
  const found = document.getElementById("qa-found");
  const rows = all("[data-question]").map((row) => ({ row, text: fold(row.textContent) }));
  const entries = new Map(all("nav li a").map((link) => [link.getAttribute("href"), link.parentElement]));
  const search = () => {
    const words = fold(field.value).split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { row, text } of rows) {
      const fits = words.every((word) => text.includes(word));
      row.hidden = !fits;
      const entry = entries.get("#" + row.id);
      if (entry) entry.hidden = !fits;
      count += fits ? 1 : 0;
    }
    for (const group of all("[data-group]")) {
      group.hidden = words.length > 0 && !group.querySelector("[data-question]:not([hidden]), nav li:not([hidden])");
    }
    for (const group of all("[data-contents]")) group.hidden = !group.querySelector("li:not([hidden])");
    for (const part of all("[data-unsearched]")) part.hidden = words.length > 0;
    found.textContent = words.length ? `${count} of ${rows.length} questions` : "";
  };
  document.getElementById("qa-searching").hidden = false;
  field.addEventListener("input", search);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { field.value = ""; search(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      field.focus();
    }
  });

  // The contents are folded on a narrow screen only.
  const wide = matchMedia("(min-width: 64rem)");
  const unfold = () => { document.getElementById("qa-fold").open = wide.matches; };
  wide.addEventListener("change", unfold);
  unfold();

  // A citation leads into a closed passage: open it, and show what a search may have hidden.
  const reveal = () => {
    let id = "";
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const target = id && document.getElementById(id);
    if (!target) return;
    if (target.closest("[hidden]")) { field.value = ""; search(); }
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView({ block: "nearest" });
    if (target.tabIndex === -1) target.focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) reveal();
  });
  reveal();

  // The theme is chosen without a script; only remembering it takes one.
  const themes = all('input[name="qa-theme"]');
  let kept = null;
  try { kept = localStorage.getItem("qa-theme"); } catch { kept = null; }
  for (const theme of themes) {
    if (theme.value === kept) theme.checked = true;
    theme.addEventListener("change", () => {
      try { localStorage.setItem("qa-theme", theme.value); } catch { kept = theme.value; }
    });
  }
})();
