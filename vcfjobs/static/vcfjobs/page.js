// Small comforts: times in the reader's own zone, and commands to copy. Without this file times are in UTC.
"use strict";

(() => {
  const zoned = new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23", timeZoneName: "short",
  });
  const inOwnZone = (moment) => {
    const part = Object.fromEntries(zoned.formatToParts(moment).map(({ type, value }) => [type, value]));
    return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second} ${part.timeZoneName}`;
  };
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      time.dataset.local = "";
      if (time.classList.contains("age")) time.title = inOwnZone(moment);
      else [time.title, time.textContent] = [time.textContent.trim(), inOwnZone(moment)];
    }
  };
  const copyable = (root) => {
    if (!navigator.clipboard) return; // asks for HTTPS or localhost
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
