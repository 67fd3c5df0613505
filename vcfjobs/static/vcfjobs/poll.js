// Polling by htmx: it stops in a hidden tab, backs off while the server does not answer, and resumes at once.
"use strict";

(() => {
  const LONGEST_PAUSE_MS = 60000;
  const note = document.getElementById("poll-note");
  let failures = 0;
  let notBefore = 0;

  // Once an answer has replaced the element that asked, the event names an ancestor.
  const polls = ({ detail }) => (detail.requestConfig?.elt ?? detail.elt)?.hasAttribute("data-poll");
  const show = (sentence) => {
    if (!note) return;
    note.textContent = sentence;
    note.hidden = !sentence;
  };
  const wake = () => {
    notBefore = 0;
    document.body.dispatchEvent(new Event("wake"));
  };
  const failed = (event) => {
    if (!polls(event)) return;
    failures += 1;
    const asked = Number(event.detail.xhr?.getResponseHeader?.("Retry-After")) || 0;
    const pause = Math.min(LONGEST_PAUSE_MS, Math.max(1000 * asked, 2000 * 2 ** Math.min(failures, 5)));
    notBefore = performance.now() + pause;
    show(navigator.onLine
      ? "The server does not answer. This page may be out of date; it retries automatically."
      : "You are offline. This page may be out of date; it retries automatically.");
  };

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (polls(event) && (document.hidden || performance.now() < notBefore)) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!polls(event) || !event.detail.successful) return;
    failures = 0;
    notBefore = 0;
    show("");
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(name, failed);
  document.addEventListener("visibilitychange", () => document.hidden || wake());
  window.addEventListener("online", wake);
})();
