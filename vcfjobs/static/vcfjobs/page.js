// Small comforts: a time in the reader's own zone on hover, and buttons that copy. All times are shown in UTC.
"use strict";

(() => {
  // Their text is in the attribute, or in the element that it names.
  const COPY_BUTTONS = "button[data-copy-text], button[data-copy]";
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not(.age)")) {
      time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    }
  };
  const copyable = (root) => {
    if (!navigator.clipboard) return; // exists only over HTTPS or on localhost
    for (const button of root.querySelectorAll(COPY_BUTTONS)) button.hidden = false;
  };
  const furnish = (root) => {
    localise(root);
    copyable(root);
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest(COPY_BUTTONS);
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copyText ?? document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  document.addEventListener("htmx:load", (event) => furnish(event.detail.elt.parentElement || document));
  furnish(document);
})();
