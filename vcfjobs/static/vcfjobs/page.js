// Small comforts: a time in the reader's own zone on hover, and commands to copy. All times are shown in UTC.
"use strict";

(() => {
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not(.age)")) {
      time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    }
  };
  const copyable = (root) => {
    if (!navigator.clipboard) return; // exists only over HTTPS or on localhost
    for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
  };
  const furnish = (root) => {
    localise(root);
    copyable(root);
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  document.addEventListener("htmx:load", (event) => furnish(event.detail.elt.parentElement || document));
  furnish(document);
})();
